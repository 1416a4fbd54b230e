/** What a run does about damage, divergence and too little memory, and cases 7, 11 and 12 of CASES.md, from the command line. */
import type { ChildProcess } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { coarseOfFine } from "../../src/data/coarse-of-fine.ts";
import { type CommandOptions, complaint, type Outcome, tinyRun } from "../support/command.ts";
import { commandInFolder } from "../support/command-in-folder.ts";
import { withoutTimes } from "../support/log.ts";

const { folder, command } = await commandInFolder("runs");

const cifar100 = (args: readonly string[], options: Omit<CommandOptions, "cwd"> = {}) =>
  command.run(args, { ...options, cwd: folder });
const log = (out: string): Record<string, number>[] =>
  JSON.parse(readFileSync(join(folder, out, "log"), "utf8"));
const snapshots = (out: string) => readdirSync(join(folder, out)).filter((name) => name.endsWith(".wgrad"));

describe("snapshots", () => {
  it("a damaged one is told, and the one before it used, from the folder and by name", async () => {
    await cifar100([...tinyRun, "-e", "3", "-o", "damaged"]);
    const last = join(folder, "damaged/snapshot_epoch_3.wgrad");
    truncateSync(last, 100_000);
    for (const place of ["damaged", "damaged/snapshot_epoch_3.wgrad"]) {
      const resumed = await cifar100(["--resume", place, "-o", place === "damaged" ? "again" : "named"]);
      expect(resumed.status).toBe(0);
      expect(complaint(resumed)).toEqual([
        `cifar100: warning: '${last}': the snapshot is cut off or damaged: its checksum doesn't fit; ` +
          `using '${join(folder, "damaged/snapshot_epoch_2.wgrad")}', the newest good one before it`,
      ]);
      expect(resumed.stdout).toContain("Resumed at iteration 6, after 2 epochs");
    }
    // Without --out a resumed folder is gone on in; what it holds counts among the last three.
    const resumed = await cifar100(["--resume", "damaged", "-e", "5"]);
    expect(resumed.status).toBe(0);
    expect(snapshots("damaged").sort()).toEqual([3, 4, 5].map((epoch) => `snapshot_epoch_${epoch}.wgrad`));
    expect(withoutTimes(log("damaged").slice(0, 3))).toEqual(withoutTimes(log("again")));
  });

  it("that can't be written end the run with a clear line, and the older ones stay", async () => {
    const preload = join(folder, "full-disk.mjs");
    writeFileSync(
      preload,
      `import { open } from "node:fs/promises";
       const handle = await open("/dev/null", "r");
       const files = Object.getPrototypeOf(handle);
       await handle.close();
       const { writeFile } = files;
       let snapshots = 0; // they begin with a w
       files.writeFile = async function (content) {
         if (content[0] === 0x77 && ++snapshots > 2) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
         return writeFile.call(this, content);
       };`,
    );
    const full = await cifar100([...tinyRun, "-e", "9", "-o", "full"], {
      env: { NODE_OPTIONS: `--import ${new URL(`file://${preload}`)}` },
    });
    expect(full.status).toBe(1);
    expect(complaint(full)).toEqual([
      `cifar100: [files] '${join(folder, "full/snapshot_epoch_3.wgrad")}' can't be written: the disk is full; make room or ` +
        "choose another folder (ENOSPC); the last snapshot is full/snapshot_epoch_2.wgrad",
    ]);
    expect(snapshots("full").sort()).toEqual(["snapshot_epoch_1.wgrad", "snapshot_epoch_2.wgrad"]);
    expect(readdirSync(join(folder, "full")).filter((name) => name.startsWith("."))).toEqual([]);
    expect((await cifar100(["--resume", "full", "-e", "3"])).status).toBe(0);

    // Ctrl-C after the second epoch: the third snapshot is the one of the stop.
    let isStopped = false;
    const stopped = await cifar100([...tinyRun, "-e", "999", "-o", "unsaved"], {
      env: { NODE_OPTIONS: `--import ${new URL(`file://${preload}`)}` },
      onOutput: (child, stdout) => {
        if (!isStopped && stdout.includes("\n2  ")) isStopped = child.kill("SIGINT");
      },
    });
    expect(stopped.status).toBe(1);
    expect(complaint(stopped)).toHaveLength(1);
    expect(complaint(stopped)[0]).toContain("the disk is full");
  });

  it("a folder that can't be written, or holds none, is told before anything is done", async () => {
    writeFileSync(join(folder, "file"), "");
    const noFolder = await cifar100([...tinyRun, "-o", "file/out"]);
    expect(noFolder.status).toBe(1);
    expect(complaint(noFolder)).toEqual([
      `cifar100: [files] '${join(folder, "file/out")}' can't be written: its folder doesn't exist; make it or choose another (ENOTDIR)`,
    ]);
    expect(complaint(await cifar100([...tinyRun, "-o", "file"]))).toEqual([
      `cifar100: [files] '${join(folder, "file")}' can't be written: it's a file; choose a folder (EEXIST)`,
    ]);
    mkdirSync(join(folder, "empty"));
    const empty = await cifar100(["--resume", "empty"]);
    expect(empty.status).toBe(1);
    expect(complaint(empty)).toEqual([
      `cifar100: [snapshot] there is no snapshot in '${join(folder, "empty")}'; name a folder that a run wrote to`,
    ]);
  });
});

describe("a folder that a run writes to", () => {
  it("is refused to another, and free as soon as that one is killed", async () => {
    let child: ChildProcess | undefined;
    let other: Promise<Outcome> | undefined;
    const killed = await cifar100([...tinyRun, "-e", "9999", "-o", "taken"], {
      onOutput: (process, stdout) => {
        if (other || !stdout.includes("\n1  ")) return;
        child = process;
        other = cifar100(["--resume", "taken"]).finally(() => process.kill("SIGKILL"));
      },
    });
    expect(killed.status).toBe(null);
    const refused = await other;
    expect([refused?.status, refused?.stdout]).toEqual([1, ""]);
    expect(complaint(refused ?? killed).map((line) => line.replace(/-\d+-\w+\.lock/, ".lock"))).toEqual([
      `cifar100: another run, process ${child?.pid}, writes to 'taken': wait for it or stop it, or choose another folder by --out ` +
        `(if there is no such run, delete 'taken/.run.${child?.pid}.lock')`,
    ]);
    const done = String(log("taken").length);
    expect((await cifar100(["--resume", "taken", "-e", done])).status).toBe(0);
    expect(readdirSync(join(folder, "taken")).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("isn't made by a run that comes to nothing", async () => {
    expect((await cifar100(["--resume", "nothing", "-o", "unmade"])).status).toBe(1);
    expect(readdirSync(folder)).not.toContain("unmade");
  });
});

describe("a run that diverges", () => {
  it("stops with advice, a valid log and the last good snapshot", async () => {
    const outcome = await cifar100([
      ...tinyRun,
      "-e",
      "20",
      "-l",
      "50",
      "--halve-every",
      "99",
      "-o",
      "diverged",
    ]);
    expect(outcome.status).toBe(1);
    expect(complaint(outcome)).toHaveLength(1);
    expect(complaint(outcome)[0]).toMatch(
      /^cifar100: \[fit\] the (training|validation) loss is (NaN|Infinity) at iteration \d+ \(epoch \d+\): training diverged; start again with a lower learning rate than \d+, or find the first NaN with --check-numerics; the last snapshot is diverged\/snapshot_epoch_\d+\.wgrad$/,
    );
    const entries = log("diverged");
    expect(entries.length).toBeGreaterThan(0);
    for (const entry of withoutTimes(entries)) {
      const { dataset: _, ...numbers } = entry as Record<string, unknown>;
      expect(Object.values(numbers).every(Number.isFinite)).toBe(true);
    }
    expect(snapshots("diverged")).toContain(`snapshot_epoch_${entries.length}.wgrad`);
  });

  it("with --check-numerics names module, op, direction and step of the first NaN", async () => {
    const outcome = await cifar100([
      ...tinyRun,
      "-e",
      "9",
      "-l",
      "1e30",
      "-o",
      "checked",
      "--check-numerics",
    ]);
    expect(outcome.status).toBe(1);
    expect(complaint(outcome)).toEqual([
      "cifar100: [numerics] NaN at [0] of 'stage1.0.norm.runningVar' [4], which 'batchNormReluDropout' in stage1.0.norm keeps (forward), in iteration 2",
    ]);
    expect(log("checked")).toEqual([]);
  });
});

describe("memory", () => {
  it("of a model that the adapter can't hold is told with the width", async () => {
    const wide = await cifar100([...tinyRun, "--width", "1000", "-o", "wide"]);
    expect([wide.status, complaint(wide)]).toEqual([
      1,
      [
        expect.stringMatching(
          /^cifar100: \[memory\] 'weight \[64000, 3, 3, 64000\]' needs a buffer of [\d,]+ bytes, but this adapter's limit is [\d,]+; give a smaller --width than 1000$/,
        ),
      ],
    ]);
  });

  it("is stated before the run starts, and a batch that takes too much refused", async () => {
    const small = await cifar100([...tinyRun, "-e", "1", "-o", "small", "--memory", "2"]);
    expect(small.status).toBe(1);
    expect(complaint(small)[0]).toMatch(
      /^cifar100: \[fit\] a batch of 16 doesn't fit: it needs [\d.]+ MiB \(.*\), but has 2 MiB; the largest batch that fits is \d+$/,
    );
    expect(log("small")).toEqual([]);
    const enough = await cifar100([...tinyRun, "-e", "1", "-o", "enough", "--memory", "5"]);
    expect(enough.status).toBe(0);
    expect(enough.stdout).toMatch(
      /# Memory: [\d.]+ MiB .*: [\d.]+ MiB for a step, .* for parameters, gradients and optimiser, .* for the data set\n/,
    );
  });
});

/** A set in CIFAR-100's format: one image, again and again, with these labels. */
function writeSet(name: string, labels: readonly number[], training: readonly number[] = [1, 2, 3]): string {
  const place = join(folder, name);
  mkdirSync(place, { recursive: true });
  const records = (all: readonly number[]) =>
    Buffer.concat(
      all.map((label) => Buffer.concat([Buffer.of(coarseOfFine[label] ?? 0, label), Buffer.alloc(3072, 77)])),
    );
  writeFileSync(join(place, "train.bin"), records(training));
  writeFileSync(join(place, "test.bin"), records(labels));
  return name;
}

it("a run isn't resumed on a set that has become another", async () => {
  const args = ["--data", writeSet("changing", [1, 2]), "--unofficial"];
  expect((await cifar100([...args, "-b", "3", "-e", "1", "--width", "0.0625", "-o", "same"])).status).toBe(0);
  for (const [training, test] of [
    [
      [1, 2, 3, 4],
      [1, 2],
    ],
    [[1, 2, 3], [1]],
  ] as const) {
    writeSet("changing", test, training);
    const resumed = await cifar100(["--resume", "same", "-e", "2", ...args]);
    expect([resumed.status, complaint(resumed)]).toEqual([
      1,
      [
        "cifar100: the snapshot is of a run on 3 training and 2 test images of cifar100, but the data is " +
          `${training.length} training and ${test.length} test images of cifar100; resume with the same data`,
      ],
    ]);
  }
});

describe("CASES.md", () => {
  it("7: a label that names no class is an error, with label and image, and nothing is trained", async () => {
    const set = writeSet("wrong", [1, 2], [0, 1, 100]);
    const outcome = await cifar100([
      "--data",
      set,
      "--unofficial",
      "-b",
      "2",
      "-e",
      "1",
      "--width",
      "0.0625",
      "-o",
      "labels",
    ]);
    expect(outcome.status).toBe(1);
    expect(complaint(outcome)).toHaveLength(1);
    expect(complaint(outcome)[0]).toMatch(/the fine label must be 0 to 99, but is 100/);
    expect(complaint(outcome)[0]).toMatch(/train\.bin/);
    expect(outcome.stdout).not.toContain("epoch ");
  });

  it("11: 4 of 5 right are 80.00 %, whatever the batch", async () => {
    const all = Array.from({ length: 100 }, (_, label) => label);
    const train = ["--unofficial", "-b", "3", "-e", "1", "--width", "0.0625", "-o", "five"];
    expect((await cifar100(["--data", writeSet("every", all), ...train])).status).toBe(0);
    const evaluate = async (...args: string[]) => {
      const { stdout } = await cifar100([
        "--evaluate",
        "five/snapshot_epoch_1.wgrad",
        "--unofficial",
        ...args,
      ]);
      return Number(stdout);
    };
    // All images are the same, so one label is right: it's among the first n if these aren't all wrong.
    let [from, to] = [0, 100];
    while (to - from > 1) {
      const middle = Math.floor((from + to) / 2);
      if ((await evaluate("--data", "every", "--test-limit", String(middle))) > 0) to = middle;
      else from = middle;
    }
    const wrong = (from + 1) % 100;
    const five = writeSet("fifth-wrong", [from, from, from, from, wrong]);
    for (const batch of ["3", "1", "5", "128"]) expect(await evaluate("--data", five, "-b", batch)).toBe(80);
  });

  it("12: the learning rate goes on as from the start, and a file gets plain lines", async () => {
    const settings = ["-l", "0.01", "--halve-every", "3"];
    const file = join(folder, "whole.txt");
    const output = openSync(file, "w");
    const whole = command.start([...tinyRun, ...settings, "-e", "7", "-o", "rates"], { cwd: folder }, [
      "ignore",
      output,
      "ignore",
    ]);
    await new Promise((resolve) => whole.on("exit", resolve));
    closeSync(output);
    const text = readFileSync(file, "utf8");
    expect(text).toContain("\n7  ");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(text).not.toMatch(/[\r\u001b]/);
    const rates = [0.01, 0.01, 0.01, 0.005, 0.005, 0.005, 0.0025];
    expect(log("rates").map(({ lr }) => lr)).toEqual(rates);

    for (const epochs of ["2", "3"]) {
      await cifar100([...tinyRun, ...settings, "-e", epochs, "-o", `stopped-${epochs}`]);
      expect((await cifar100(["--resume", `stopped-${epochs}`, "-e", "7"])).status).toBe(0);
      expect(withoutTimes(log(`stopped-${epochs}`))).toEqual(withoutTimes(log("rates")));
    }
    let isStopped = false;
    const inside = await cifar100([...tinyRun, ...settings, "-e", "7", "-o", "inside"], {
      onOutput: (child, stdout) => {
        if (!isStopped && stdout.includes("\n3  ")) isStopped = child.kill("SIGINT");
      },
    });
    expect(inside.status).toBe(130);
    expect((await cifar100(["--resume", "inside"])).status).toBe(0);
    expect(withoutTimes(log("inside"))).toEqual(withoutTimes(log("rates")));
  });
});
