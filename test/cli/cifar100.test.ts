/** The command line as a user meets it: a child process, its output, its files and its exit status. */
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundleForNode, withoutCache } from "../support/command.ts";
import { logKeys, withoutTimes } from "../support/log.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "wgrad-cli-"));
// Inside the checkout, so that the packages outside the bundle are found.
const bundle = join(root, `node_modules/.cache/wgrad/cli-test-${process.pid}.mjs`);
const tiny = [
  "--dataset",
  "synthetic",
  "--width",
  "0.0625",
  "--train-limit",
  "48",
  "--test-limit",
  "20",
  "-b",
  "16",
];

beforeAll(async () => {
  await bundleForNode(root, "examples/cifar100/main.ts", bundle);
});

afterAll(() => {
  rmSync(folder, { recursive: true });
  rmSync(bundle, { force: true });
});

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command; `interruptAfter` sends SIGINT once the output holds that text. */
function cifar100(args: readonly string[], interruptAfter?: string): Promise<Outcome> {
  const child = spawn(process.execPath, [bundle, ...args], {
    cwd: folder,
    env: { ...process.env, ...withoutCache(folder), INIT_CWD: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  let isStopped = interruptAfter === undefined;
  child.stdout.on("data", (bytes) => {
    stdout += bytes;
    if (!isStopped && stdout.includes(interruptAfter ?? "")) isStopped = child.kill("SIGINT");
  });
  child.stderr.on("data", (bytes) => {
    stderr += bytes;
  });
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, stdout, stderr })));
}

const log = (out: string) => JSON.parse(readFileSync(join(folder, out, "log"), "utf8"));
const logWithoutTimes = (out: string) => {
  const entries: Record<string, number>[] = log(out);
  for (const { elapsed_time, images_per_second } of entries) {
    expect(elapsed_time).toBeGreaterThan(0);
    expect(images_per_second).toBeGreaterThan(0);
  }
  return withoutTimes(entries);
};
const snapshots = (out: string) =>
  readdirSync(join(folder, out))
    .filter((name) => name.endsWith(".wgrad"))
    .sort();
/** What a failure printed, without Dawn's own warnings. */
const complaint = ({ stderr }: Outcome) =>
  stderr.split("\n").filter((line) => line !== "" && !line.startsWith("Warning: max"));

describe("training", () => {
  let whole: Outcome;
  beforeAll(async () => {
    whole = await cifar100([...tiny, "-e", "7", "-l", "0.01", "-o", "whole"]);
  });

  it("prints Chainer's table, the times beside the published ones, and plain lines only", () => {
    expect(complaint(whole)).toEqual([]);
    expect(whole.status).toBe(0);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(whole.stdout).not.toMatch(/[\r\u001b]/);
    for (const text of [
      "Adapter: ",
      "# Minibatch-size: 16\n",
      "# epoch: 7\n",
      "SYNTHETIC",
      "chainer-2016",
      "3:11:43",
      "1:52:54",
    ])
      expect(whole.stdout).toContain(text);
    const [header = "", ...rows] = whole.stdout
      .split("\n")
      .filter((line) => /^(epoch |\d+ {5})/.test(line))
      .map((line) => line.split(/\s+/).join(" "));
    expect(header).toBe(
      "epoch main/loss validation/main/loss main/accuracy validation/main/accuracy elapsed_time",
    );
    expect(rows.map((row) => row.split(" ").length)).toEqual([6, 6, 6, 6, 6, 6, 6]);
  });

  it("writes the log and the last three snapshots", () => {
    expect(snapshots("whole")).toEqual([5, 6, 7].map((epoch) => `snapshot_epoch_${epoch}.wgrad`));
    expect(readdirSync(join(folder, "whole")).sort()).toEqual([
      ...["cg.dot", "log", "log.csv", "model.safetensors", "report.html", "report.json"],
      ...snapshots("whole"),
    ]);
    expect(Object.keys(log("whole")[0])).toEqual([...logKeys, "dataset"]);
    expect(log("whole").map((entry: { iteration: number }) => entry.iteration)).toEqual([
      3, 6, 9, 12, 15, 18, 21,
    ]);
  });

  it("writes a report of the last validation's answers", () => {
    const report = JSON.parse(readFileSync(join(folder, "whole/report.json"), "utf8"));
    const confusion: number[][] = report.answers.confusion;
    const right = confusion.reduce((sum, row, label) => sum + (row[label] ?? 0), 0);
    expect(confusion.flat().reduce((sum, count) => sum + count)).toBe(20);
    expect(right / 20).toBe(log("whole")[6]["validation/main/accuracy"]);
    expect(report.status).toBe("finished");
    const page = readFileSync(join(folder, "whole/report.html"), "utf8");
    expect(page).toContain("Finished: epoch 7 of 7.");
    expect(page).toMatch(/title="\d+ of \d+ hourglass 2: disc 1"/);
  });

  it("goes on where the report can't be written, and says so once", async () => {
    mkdirSync(join(folder, "no report/report.html"), { recursive: true });
    const { status, stdout } = await cifar100([...tiny, "-e", "2", "-o", "no report"]);
    expect(status).toBe(0);
    expect(stdout.match(/^!! The report couldn't be written: .*report.html.*$/gm)).toHaveLength(1);
    expect(log("no report")).toHaveLength(2);
  });

  it("stopped by Ctrl-C saves a snapshot, exits 130 and says how to go on to the same end", async () => {
    const args = [...tiny, "-e", "7", "-l", "0.01", "-o", "stopped here"];
    const stopped = await cifar100(args, "\n2     ");
    expect(stopped.status).toBe(130);
    expect(complaint(stopped)).toEqual([]);
    const command = stopped.stdout.split("\n").find((line) => line.includes("--resume")) ?? "";
    expect(command).toMatch(
      /^ {2}npm run cifar100 -- --resume "stopped here\/snapshot_iter_\d+\.wgrad" --out "stopped here" --epoch 7$/,
    );
    const rest = command.replace("  npm run cifar100 -- ", "").match(/"[^"]+"|\S+/g) ?? [];
    const resumed = await cifar100(rest.map((part) => part.replaceAll('"', "")));
    expect(resumed.status).toBe(0);
    expect(logWithoutTimes("stopped here")).toEqual(logWithoutTimes("whole"));
  });

  it("resumes at an epoch's end, up to another number of epochs; the rate counts from the start", async () => {
    const start = ["--resume", "whole/snapshot_epoch_7.wgrad", "-o", "longer"];
    const resumed = await cifar100([...start, "-e", "8"]);
    expect(resumed.status).toBe(0);
    expect(logWithoutTimes("longer").slice(0, 7)).toEqual(logWithoutTimes("whole"));
    expect(log("longer")).toHaveLength(8);
    const again = await cifar100(start);
    expect(again.status).toBe(0);
    expect(again.stdout).toContain("has all 7 epochs already");
    expect(again.stdout).toMatch(/^7 +\d/m);
    expect(again.stdout).not.toContain("compiling");
    const other = await cifar100([...start, "-b", "8"]);
    expect(other.status).toBe(2);
    expect(complaint(other)).toEqual([
      "cifar100: --batchsize 8 differs from the snapshot's 16; a resumed run keeps its settings: leave --batchsize out",
    ]);
  });

  it("evaluates a snapshot: its accuracy in % and nothing else", async () => {
    const { status, stdout } = await cifar100(["--evaluate", "whole/snapshot_epoch_7.wgrad"]);
    expect(status).toBe(0);
    expect(stdout).toBe(`${(100 * log("whole")[6]["validation/main/accuracy"]).toFixed(2)}\n`);
  });

  it("refuses a damaged snapshot", async () => {
    await cifar100([...tiny, "-e", "1", "-o", "damaged"]);
    const file = join(folder, "damaged/snapshot_epoch_1.wgrad");
    truncateSync(file, statSync(file).size - 100);
    const outcome = await cifar100(["--resume", "damaged/snapshot_epoch_1.wgrad"]);
    expect(outcome.status).toBe(1);
    expect(complaint(outcome)).toEqual([
      `cifar100: [snapshot] '${file}': the snapshot is cut off or damaged: its checksum doesn't fit; use an earlier one`,
    ]);
  });
});

describe("without data", () => {
  it("a synthetic set is said loudly, with where the real one is", async () => {
    const args = ["--width", "0.0625", "--train-limit", "16", "--test-limit", "5", "-b", "16", "-e", "1"];
    const { status, stdout } = await cifar100([...args, "-o", "fallback"]);
    expect(status).toBe(0);
    expect(stdout).toContain("!! CIFAR-100 WAS NOT FOUND: training on a SYNTHETIC set");
    expect(stdout).toContain("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz");
    expect(log("fallback")[0].dataset).toBe("synthetic");
  });

  it("--dataset cifar100 is an error", async () => {
    const outcome = await cifar100(["--dataset", "cifar100", "-o", "none"]);
    expect(outcome.status).toBe(1);
    expect(complaint(outcome)).toHaveLength(1);
    expect(complaint(outcome)[0]).toContain("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz");
    expect(existsSync(join(folder, "none"))).toBe(false);
  });
});

describe("usage", () => {
  it("--help needs no adapter", async () => {
    const { status, stdout, stderr } = await cifar100(["--help"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    for (const option of [
      "--dataset",
      "--batchsize",
      "--learnrate",
      "--epoch",
      "--gpu",
      "--out",
      "--resume",
      "--evaluate",
    ])
      expect(stdout).toContain(option);
  });

  it.each([
    [["--nope"], "unknown option '--nope'"],
    [["--bathsize", "3"], "unknown option '--bathsize' (Did you mean --batchsize?)"],
    [["-e", "0"], "option '-e, --epoch <n>' argument '0' is invalid. It must be at least 1"],
    [["-b", "1.5"], "option '-b, --batchsize <n>' argument '1.5' is invalid. It must be a whole number"],
    [
      ["--width", "0.3"],
      "option '--width <factor>' argument '0.3' is invalid. It must be a multiple of 1/64, such as 0.25",
    ],
    [
      ["--resume", "a", "--evaluate", "b"],
      "--resume goes on training and --evaluate doesn't train; give one of them",
    ],
    [["--out", ""], "option '-o, --out <dir>' argument '' is invalid. It must name a file or a folder"],
    [["somewhere"], "too many arguments. Expected 0 arguments but got 1"],
  ])("%j is wrong: status 2, one line", async (args, message) => {
    const outcome = await cifar100(args);
    expect(outcome.status).toBe(2);
    expect(outcome.stdout).toBe("");
    expect(complaint(outcome)).toHaveLength(1);
    expect(complaint(outcome)[0]).toContain(`cifar100: ${message}`);
  });
});
