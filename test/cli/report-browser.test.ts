/** The report in a browser, where there is one: nothing is cut off, forbidden or asked for, on a phone or a desk, light or dark. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { data } from "wgrad";
import { cifar100Superclasses, confusionMatrix } from "wgrad/node";
import { comparisonOf } from "../../examples/cifar100/report/comparison.ts";
import { pageOf } from "../../examples/cifar100/report/page.ts";
import { samplesOf, sheetOf } from "../../examples/cifar100/report/pictures.ts";
import type { RunData } from "../../examples/cifar100/report/run-data.ts";
import { findChromium } from "../../scripts/setup/chromium.mjs";

const executablePath = findChromium() ?? "";
const { test: set } = data.syntheticCifar100({ trainCount: 1, testCount: 200 });
const answers = {
  classes: Array.from(set.labels, (label, k) => (k % 3 === 0 ? (7 * k) % 100 : label)),
  confidences: new Float32Array(200).fill(0.5),
};
const log = Array.from({ length: 120 }, (_, k) => ({
  epoch: k + 1,
  "main/loss": 4 / (k + 1),
  "main/accuracy": k / 120,
  "validation/main/loss": 4.1 / (k + 1),
  "validation/main/accuracy": k / 130,
  lr: 0.1 * 0.5 ** Math.floor(k / 25),
  elapsed_time: 22.6 * (k + 1),
  images_per_second: 2200,
}));
const run: RunData = {
  version: 1,
  title: "VGG on the synthetic set",
  command: `npm run cifar100 -- --out ${"a-long-folder/".repeat(12)}`,
  status: "finished",
  started: "2026-01-02T03:04:05.678Z",
  written: "2026-01-02T03:08:05.678Z",
  epochs: 120,
  settings: { recipe: "quick", lr: 0.05, seed: 0 },
  environment: { Adapter: "an adapter with quite a long name, of some vendor (its driver 1.2.3)" },
  dataset: {
    ...{ name: "synthetic", synthetic: true, trainImages: 1, testImages: 200, classes: set.classes },
    groups: { names: cifar100Superclasses.names, ofClass: Array.from(cifar100Superclasses.ofClass) },
    sheet: sheetOf(set, 100),
  },
  answers: {
    epoch: 120,
    confusion: confusionMatrix(set.labels, answers.classes, 100),
    ...samplesOf(set, answers, 14),
  },
};

describe.skipIf(!executablePath)("in Chromium", () => {
  const folder = mkdtempSync(join(tmpdir(), "wgrad-page-"));
  let browser: Browser;

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath,
      args: ["--disable-quic", "--disable-component-update"],
    });
    writeFileSync(join(folder, "run.html"), await pageOf(run, log, "run"));
    const runs = ["one", "another", "a third one"].map((name) => ({ name, log, data: run }));
    writeFileSync(join(folder, "comparison.html"), await comparisonOf(runs));
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true });
  });

  const open = async (name: string, width: number, colorScheme: "light" | "dark") => {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const events: string[] = [];
    page.on("console", (message) => events.push(message.text()));
    page.on("pageerror", (error) => events.push(error.message));
    page.on("request", (request) => {
      if (!request.url().startsWith("data:")) events.push(request.url());
    });
    const address = pathToFileURL(join(folder, name)).href;
    await page.goto(address);
    return { page, events, address };
  };

  it.each([
    ["run.html", 1280, "light"],
    ["run.html", 390, "dark"],
    ["comparison.html", 1280, "dark"],
    ["comparison.html", 390, "light"],
  ] as const)("%s fits %i px (%s) and loads nothing but itself", async (name, width, scheme) => {
    const { page, events, address } = await open(name, width, scheme);
    expect(events).toEqual([address]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
    const background = await page.evaluate("getComputedStyle(document.body).backgroundColor");
    expect(background).toBe(scheme === "dark" ? "rgb(20, 23, 27)" : "rgb(255, 255, 255)");
    // Curves have the page's colours: the browser knows what the custom properties stand for.
    const strokes = await page.evaluate(
      "[...new Set([...document.querySelectorAll('svg path[stroke*=curve]')].map((path) => getComputedStyle(path).stroke))]",
    );
    expect(strokes).toContain(scheme === "dark" ? "rgb(108, 178, 255)" : "rgb(10, 93, 194)");
    await page.close();
  });

  it("sorts the classes by a click", async () => {
    const { page } = await open("run.html", 1280, "light");
    const column = (cell: number) =>
      page
        .locator("table:has(button.sort) tbody tr")
        .evaluateAll((rows, at) => rows.map((row) => row.children[at]?.textContent?.trim() ?? ""), cell);
    const accuracy = (await column(2)).map(Number.parseFloat);
    expect(accuracy).toEqual([...accuracy].sort((a, b) => b - a));
    await page.getByRole("button", { name: "Accuracy" }).click();
    expect((await column(2)).map(Number.parseFloat)).toEqual([...accuracy].sort((a, b) => a - b));
    await page.getByRole("button", { name: "Class", exact: true }).click();
    const names = await column(0);
    expect(names).toEqual([...names].sort((a, b) => a.localeCompare(b)));
    expect(await page.locator("th[aria-sort]").allTextContents()).toEqual(["Class"]);
    await page.close();
  });
});
