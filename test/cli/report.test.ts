/** The report: pages that hold the log's numbers, escape what they're given, and ask no host for anything. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PNG } from "pngjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { data } from "wgrad";
import { matrixOf } from "../../examples/cifar100/report/answers.ts";
import { comparisonOf } from "../../examples/cifar100/report/comparison.ts";
import { csvOf } from "../../examples/cifar100/report/csv.ts";
import { chartsOfRun, chartsOfRuns } from "../../examples/cifar100/report/curves.ts";
import { pageOf } from "../../examples/cifar100/report/page.ts";
import { pictureOf } from "../../examples/cifar100/report/picture.ts";
import { samplesOf, sheetOf } from "../../examples/cifar100/report/pictures.ts";
import { type LogRow, type RunData, withoutImages } from "../../examples/cifar100/report/run-data.ts";
import { bundleForNode } from "../support/command.ts";

const { test: set } = data.syntheticCifar100({ trainCount: 1, testCount: 40 });
const three = { ...set, labels: set.labels.map((label) => label % 3) };
const answers = {
  classes: Array.from({ length: 40 }, (_, k) => (k % 4 === 0 ? 2 : (three.labels[k] ?? 0))),
  confidences: Array.from({ length: 40 }, (_, k) => 0.5 + k / 100),
};
const hostile = `<img src="https://example.com/x" onerror='alert(1)'>&`;

const log: readonly LogRow[] = [1, 2].map((epoch) => ({
  epoch,
  iteration: 40 * epoch,
  "main/loss": 4.5 / epoch,
  "main/accuracy": 0.0217 * epoch,
  "validation/main/loss": epoch === 1 ? null : 3.9876,
  "validation/main/accuracy": 0.1234 * epoch,
  lr: 0.05,
  elapsed_time: 100 * epoch,
  images_per_second: 321,
}));

const run: RunData = {
  version: 1,
  title: `VGG on ${hostile}`,
  command: `npm run cifar100 -- --out "${hostile}"`,
  status: "finished",
  started: "2026-01-02T03:04:05.678Z",
  written: "2026-01-02T03:08:05.678Z",
  epochs: 2,
  settings: { recipe: "quick", lr: 0.05, seed: 0 },
  environment: { Adapter: hostile },
  dataset: {
    name: "a set",
    synthetic: true,
    trainImages: 1000,
    testImages: 40,
    classes: ["maple_tree", hostile, "never_seen"],
    groups: { names: ["trees", "others"], ofClass: [0, 1, 1] },
    sheet: sheetOf({ ...three, labels: three.labels.map((label) => label % 2) }, 3),
  },
  answers: {
    epoch: 2,
    confusion: [
      [5, 2, 1],
      [0, 6, 3],
      [0, 0, 0],
    ],
    ...samplesOf(three, answers, 4),
  },
};

/** The elements of a page, after a look whether each is closed in its order. */
function parse(page: string): string[] {
  const withoutCode = page.replace(/<(style|script)>[\s\S]*?<\/\1>/g, "<$1></$1>");
  const open: string[] = [];
  const all: string[] = [];
  for (const [tag, close, name = ""] of withoutCode.matchAll(
    /<(\/?)([a-zA-Z][\w-]*)(?:\s+[\w:-]+(?:="[^"<>]*")?)*\s*>/g,
  )) {
    all.push(tag);
    if (close) expect(open.pop()).toBe(name);
    else if (!["meta", "img", "br"].includes(name)) open.push(name);
  }
  expect(open).toEqual([]);
  // What is left holds no bracket: every tag was read, and text is escaped.
  expect(withoutCode.replace("<!doctype html>", "").replace(/<\/?[a-zA-Z][^<>]*>/g, "")).not.toMatch(/[<>]/);
  return all;
}

/** Nothing in it makes a browser ask for something. */
function expectSelfContained(page: string) {
  for (const [, source = ""] of page.matchAll(/<[^>]*\s(?:src|href|srcset|action|poster)="([^"]*)"/g))
    expect(source).toMatch(/^data:image\/png;base64,/);
  expect(page).not.toMatch(/url\(\s*["']?(?!#)|@import|<link|<iframe|<base/);
  const [, policy = ""] = page.match(/http-equiv="Content-Security-Policy" content="([^"]*)"/) ?? [];
  const [, script = ""] = page.match(/<script>([\s\S]*)<\/script>/) ?? [];
  const sum = createHash("sha256").update(script).digest("base64");
  expect(policy.replaceAll("&#39;", "'")).toBe(
    `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${sum}'; base-uri 'none'; form-action 'none'`,
  );
}

describe("a report without images", async () => {
  const page = await pageOf(withoutImages(run), log, "folder");

  it("holds no picture of the set, and all of the numbers", () => {
    parse(page);
    expect(page).not.toMatch(/<img|data:image/);
    const headings = [...page.matchAll(/<h2>([^<]*)</g)].map(([, text]) => text);
    expect(headings).toEqual(["Curves", "Configuration", "What is taken for what", "Accuracy by class"]);
  });
});

describe("the curves as a picture of their own", async () => {
  const picture = await pictureOf(chartsOfRun(log));

  it("is an SVG file that needs no page around it", () => {
    parse(picture);
    expect(picture).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" viewBox="0 0 928 664"/);
    expect(picture).not.toContain("var(");
    expect([...picture.matchAll(/font-weight="bold"[^>]*>([^<]*)</g)].map(([, text]) => text)).toEqual(
      chartsOfRun(log).map(({ title }) => title),
    );
  });

  it("has room for the names of many runs", async () => {
    const runs = Array.from({ length: 6 }, (_, k) => ({ name: `without one of the parts, ${k}`, log }));
    const many = await pictureOf(chartsOfRuns(runs, 8));
    parse(many);
    const [first] = many.split("</g>");
    const ends = [...(first ?? "").matchAll(/<text x="([\d.]+)" y="(\d+)"[^>]*>([^<]*)</g)].map(
      ([, x = "", y = "", name = ""]) => ({ x: Number(x), y: Number(y), right: Number(x) + 7 * name.length }),
    );
    expect(ends).toHaveLength(6);
    for (const [k, { x, y, right }] of ends.entries()) {
      expect(right).toBeLessThanOrEqual(440);
      for (const other of ends.slice(k + 1)) expect(other.y > y || other.x > Math.max(x, right)).toBe(true);
    }
  });
});

describe("the page of a run", async () => {
  const page = await pageOf(run, log, "folder");

  it("is well-formed, has headings, and names for every image and table column", () => {
    const tags = parse(page);
    const headings = [...page.matchAll(/<h2>([^<]*)</g)].map(([, text]) => text);
    expect(headings).toEqual([
      ...["Curves", "Configuration", "Predictions", "What is taken for what", "Accuracy by class"],
      "The classes",
    ]);
    expect(page.match(/<h1>/g)).toHaveLength(1);
    const images = tags.filter((tag) => tag.startsWith("<img"));
    expect(images).toHaveLength(8 + 2); // samples, and the classes that have images
    expect(images.every((tag) => /alt="[^"]+"/.test(tag))).toBe(true);
    expect(tags.filter((tag) => tag.startsWith("<svg") && !tag.includes("aria-label="))).toEqual([]);
    expect(tags.filter((tag) => tag.startsWith("<th ") && !tag.includes("scope="))).toEqual([]);
  });

  it("asks no host for anything and escapes what it's given", () => {
    expectSelfContained(page);
    expect(page).not.toContain('<img src="https:');
    expect(page).toContain(
      "&lt;img src=&quot;https://example.com/x&quot; onerror=&#39;alert(1)&#39;&gt;&amp;",
    );
  });

  it("holds the numbers of the log", () => {
    for (const text of [
      "training: 4.5 at epoch 1, 2.25 at epoch 2; validation: not a number at epoch 1, 3.99 at epoch 2",
      "12.3\u00a0% at epoch 1, 24.7\u00a0% at epoch 2",
      '<td class="number">3.9876</td>',
      "<dd>24.7\u00a0%, 2</dd>",
      "<dd>0:03:20</dd>",
      "<dd>321</dd>",
      "Finished: epoch 2 of 2. Started 2026-01-02 03:04 UTC",
      "synthetic",
    ])
      expect(page).toContain(text);
  });

  it("says how often each class was right, and what it was taken for", () => {
    expect(page).toMatch(
      /maple tree<\/th><td>trees<\/td>\s*<td [^>]*>62\.5\u00a0%.*<\/td>\s*<td [^>]*>5 of 8<\/td>/,
    );
    expect(page).toMatch(/never seen<\/th><td>others<\/td>\s*<td [^>]*>no image/);
    expect(page).toMatch(/title="5 of 8 trees: trees">63</);
    expect(page).toMatch(/title="3 of 8 trees: others">38</);
  });

  it("does without superclasses", async () => {
    const { groups: _, ...dataset } = run.dataset;
    const plain = await pageOf({ ...run, dataset }, log, "folder");
    parse(plain);
    expectSelfContained(plain);
    expect(plain).not.toContain("Superclass");
    expect(plain).toMatch(/title="2 of 8 maple tree: &lt;img/);
  });

  it("has the curves only, where there is only a log", async () => {
    const bare = await pageOf(undefined, log, "folder");
    parse(bare);
    expect(bare).toContain("<h1>Run in folder</h1>");
    expect(bare).not.toContain("Configuration</h2>");
  });

  it("says that no epoch is through", async () => {
    const early = await pageOf({ ...run, status: "stopped" }, [], "folder");
    parse(early);
    expect(early).toContain("No epoch is through yet.");
  });
});

it("several runs lie over each other in one page, with what differs", async () => {
  const other = { ...run, settings: { ...run.settings, lr: 0.01 } };
  const page = await comparisonOf([
    { name: "first", log, data: run },
    { name: hostile, log: log.slice(0, 1), data: other },
    { name: "bare", log, data: undefined },
  ]);
  parse(page);
  expectSelfContained(page);
  expect(page).toContain("first: 12.3\u00a0% at epoch 1, 24.7\u00a0% at epoch 2; &lt;img");
  expect(page).toMatch(/<th scope="row">lr<\/th><td>0.05<\/td><td>0.01<\/td><td>unknown<\/td>/);
  const charts = [...page.matchAll(/<svg[\s\S]*?<\/svg>/g)].map(([svg]) => svg);
  expect(charts).toHaveLength(6);
  for (const chart of charts) for (const k of [0, 1, 2]) expect(chart).toContain(`var(--curve-${k})`);
});

it("a comparison has the charts that a run has something for", () => {
  const rates = log.map(({ epoch, lr }) => ({ epoch, lr }));
  expect(chartsOfRuns([{ name: "rates", log: rates }], 8).map(({ title }) => title)).toEqual([
    "Learning rate",
  ]);
});

describe("pieces", () => {
  it("a log as CSV", () => {
    const rows = [
      { a: 0.1, b: null },
      { a: 1e-7, b: 'x,"y"', c: Number.NaN },
    ];
    expect(csvOf(rows)).toBe('a,b,c\r\n0.1,,\r\n1e-7,"x,""y""",\r\n');
    expect(csvOf(log).split("\r\n")[1]).toBe("1,40,4.5,0.0217,,0.1234,0.05,100,321");
  });

  it("counts by superclass, or by class where there are few", () => {
    const { dataset, answers: answered } = run;
    if (!answered) throw new Error("unreachable");
    expect(matrixOf(dataset, answered)?.counts).toEqual([
      [5, 3],
      [0, 9],
    ]);
    const { groups: _, ...plain } = dataset;
    expect(matrixOf(plain, answered)).toMatchObject({ kind: "class", counts: answered.confusion });
    const classes = Array.from({ length: 31 }, (_, k) => String(k));
    expect(matrixOf({ ...plain, classes }, answered)).toBeUndefined();
  });

  it("samples are right ones over the set and the surest wrong ones, with their pixels", () => {
    const { right, wrong } = samplesOf(three, answers, 5);
    expect(right.every(({ label, answer }) => label === answer)).toBe(true);
    expect(wrong.every(({ label, answer }) => label !== answer)).toBe(true);
    const images = wrong.map(({ image }) => image);
    expect(images).toEqual([...images].sort((a, b) => b - a)); // later ones are surer
    expect(new Set(right.map(({ image }) => image)).size).toBe(5);
    for (const { image, source } of [...right, ...wrong]) {
      const png = PNG.sync.read(Buffer.from(source.replace("data:image/png;base64,", ""), "base64"));
      expect([png.width, png.height]).toEqual([32, 32]);
      const rgb = png.data.filter((_, k) => k % 4 < 3);
      expect(Buffer.from(set.images.subarray(image * 3072, (image + 1) * 3072)).equals(rgb)).toBe(true);
    }
  });
});

describe("npm run report", () => {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), "wgrad-report-"));
  const bundle = join(root, `node_modules/.cache/wgrad/report-test-${process.pid}.mjs`);
  const report = (...args: string[]) => {
    const env = { ...process.env, INIT_CWD: folder };
    const { status, stdout, stderr } = spawnSync(process.execPath, [bundle, ...args], {
      env,
      encoding: "utf8",
      timeout: 60_000,
    });
    return { status, stdout, stderr };
  };

  beforeAll(async () => {
    await bundleForNode(root, "examples/cifar100/report.ts", bundle);
    for (const name of ["a", "b"]) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, "log"), JSON.stringify(log));
    }
    writeFileSync(join(folder, "a/report.json"), JSON.stringify(run));
    mkdirSync(join(folder, "damaged"));
    writeFileSync(join(folder, "damaged/log"), "[");
    mkdirSync(join(folder, "half"));
    writeFileSync(join(folder, "half/log"), "[]");
    writeFileSync(join(folder, "half/report.json"), JSON.stringify({ ...run, dataset: { name: "a set" } }));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
    rmSync(bundle, { force: true });
  });

  it("makes a run's page and table again", async () => {
    const file = join(folder, "a/report.html");
    expect(report("a")).toEqual({ status: 0, stdout: `${file}\n`, stderr: "" });
    expect(readFileSync(file, "utf8").replace(/zr\d+-/g, "")).toBe(
      (await pageOf(run, log, "a")).replace(/zr\d+-/g, ""),
    );
    expect(readFileSync(join(folder, "a/log.csv"), "utf8")).toBe(csvOf(log));
  });

  it("draws rates that are nearly 0, and ends", () => {
    mkdirSync(join(folder, "tiny"));
    writeFileSync(join(folder, "tiny/log"), JSON.stringify(log.map((row) => ({ ...row, lr: 1e-300 }))));
    expect(report("tiny")).toMatchObject({ status: 0, stderr: "" });
  });

  it("compares runs", () => {
    const file = join(folder, "both.html");
    expect(report("a", "b", "--out", "both.html")).toEqual({ status: 0, stdout: `${file}\n`, stderr: "" });
    expect(readFileSync(file, "utf8")).toContain("<h1>2 runs compared</h1>");
  });

  it.each([
    [["nowhere"], 1, "nowhere' holds no log; name a folder that 'npm run cifar100' wrote to (--out)"],
    [
      ["damaged"],
      1,
      "log' is cut off or damaged: it isn't JSON; 'npm run cifar100 -- --resume damaged' writes it again",
    ],
    [["half"], 1, "report.json' isn't whole or isn't of this release; delete it, and curves are left"],
    [[], 2, "missing required argument 'folder'"],
  ])("%j fails with one line", (args, status, message) => {
    const outcome = report(...args);
    expect(outcome).toMatchObject({ status, stdout: "" });
    expect(outcome.stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(outcome.stderr).toContain(message);
  });
});
