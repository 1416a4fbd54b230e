/** The page from end to end in a browser: data, training, pause, reload, classification, checkpoints, benchmark, and what can go wrong. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PNG } from "pngjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGpu } from "wgrad";
import { loadPretrained } from "../../examples/cifar100/pretrained.ts";
import { classify } from "../../examples/cifar100/web/worker/views.ts";
import { findChromium } from "../../scripts/setup/chromium.mjs";
import { smallArchive, test } from "./support/harness.ts";
import { Site, type Visit } from "./support/site.ts";

const executablePath = findChromium() ?? "";
const real = fileURLToPath(new URL("../../../shared/data/cifar-100-binary.tar.gz", import.meta.url));
const minutes = 60_000;

/** A test image as a PNG: the page takes it pixel by pixel. */
function pictureOf(index: number): Uint8Array {
  const png = new PNG({ width: 32, height: 32 });
  for (let k = 0; k < 1024; k++) {
    const from = index * 3072 + 3 * k;
    png.data.set([...test.images.subarray(from, from + 3), 255], 4 * k);
  }
  return PNG.sync.write(png);
}

async function answersOn({ page }: Visit): Promise<string[]> {
  await page.locator("ol.answers li").first().waitFor();
  const names = await page.locator("ol.answers li .name").allTextContents();
  const shares = await page.locator("ol.answers li .number").allTextContents();
  return names.map((name, k) => `${name} ${shares[k]}`);
}

async function loadSmallSet(visit: Visit): Promise<void> {
  await visit.page.getByLabel("CIFAR-100 from files").check();
  await visit.page.getByLabel("Take sets other than the official one too").check();
  const archive = smallArchive();
  await visit.pick(".gz", [{ name: archive.name, body: new Uint8Array(await archive.arrayBuffer()) }]);
  await visit.page.getByText("48 training and 20 test images").waitFor();
}

async function set({ page }: Visit, fields: Readonly<Record<string, string>>): Promise<void> {
  for (const [label, value] of Object.entries(fields)) {
    const field = page.locator("form.card").getByLabel(label, { exact: true });
    if ((await field.evaluate((element) => element.tagName)) === "SELECT")
      await field.selectOption({ label: value });
    else await field.fill(value);
  }
}

const narrow = {
  Width: "1/16",
  "Batch size": "16",
  Epochs: "500",
  "Training images": "0",
  "Test images": "0",
};

describe.skipIf(!executablePath)("the page in Chromium", () => {
  let site: Site;
  beforeAll(async () => {
    site = await Site.open(executablePath);
  }, 2 * minutes);
  afterAll(() => site.close());

  it("trains, pauses, goes on after a reload, classifies, saves, loads", {
    timeout: 15 * minutes,
  }, async () => {
    const visit = await site.visit();
    const { page } = visit;
    await visit.state("Ready");
    await loadSmallSet(visit);
    await set(visit, narrow);
    await visit.press("Start training");
    await visit.state(/^Training|^Validating/);
    await expect.poll(() => visit.step(), { timeout: 5 * minutes }).toBeGreaterThan(6);
    const canvas = page.locator("figure canvas").first();
    const before = await canvas.evaluate((element: HTMLCanvasElement) => element.toDataURL());
    await expect
      .poll(() => canvas.evaluate((element: HTMLCanvasElement) => element.toDataURL()), {
        timeout: 2 * minutes,
      })
      .not.toBe(before);
    await visit.picture("training");
    await visit.press("Pause");
    await visit.state(/^Paused/);
    const paused = await visit.step();

    await page.reload();
    await visit.state("Ready");
    await expect(page.getByLabel("Kept from last time").isVisible()).resolves.toBe(true);
    await visit.press("Go on");
    await expect.poll(() => visit.step(), { timeout: 5 * minutes }).toBeGreaterThan(paused);
    await visit.press("Pause");
    await visit.state(/^Paused/);

    await visit.tab("Classify");
    await visit.pick("image", [{ name: "shape.png", body: pictureOf(3) }]);
    const answers = await answersOn(visit);
    expect(answers).toHaveLength(5);
    await visit.picture("classify");
    const downloading = page.waitForEvent("download");
    await visit.press("Save checkpoint");
    const download = await downloading;
    expect(download.suggestedFilename()).toMatch(/^quick-width-0\.0625-cifar-100-epoch-\d+\.safetensors$/);
    const bytes = new Uint8Array(readFileSync(await download.path()));

    // In Node, on another implementation of WebGPU, the picture is the same and so are the answers.
    const gpu = await createGpu();
    const { model, normalization, classNames: classes } = loadPretrained(gpu, bytes);
    const settings = { recipe: "quick", width: 1 / 16, dropout: false } as const;
    const live = {
      ...({ kind: "loaded", title: "", gpu, model, normalization, classes, settings } as const),
    };
    const guesses = await classify({ ...live, synthetic: false }, test.images.slice(3 * 3072, 4 * 3072));
    gpu.destroy();
    expect(answers.map((answer) => answer.replace(/ [^ ]*$/, ""))).toEqual(
      guesses.map(({ name }) => name.replaceAll("_", " ")),
    );
    for (const [k, { confidence }] of guesses.entries())
      expect(Number.parseFloat(/ ([\d.]+)/.exec(answers[k] ?? "")?.[1] ?? "")).toBeCloseTo(
        100 * confidence,
        0,
      );

    await visit.pick(".safetensors", [{ name: "mine.safetensors", body: bytes }]);
    await page.getByText("mine.safetensors").first().waitFor({ state: "attached" });
    await expect.poll(() => answersOn(visit)).toEqual(answers);
    await visit.tab("Look inside");
    await page.locator("canvas").filter({ visible: true }).first().waitFor();
    await visit.picture("look-inside");
    await visit.tab("Train");
    await visit.press("Stop");
    await visit.state("Ready");
    await visit.tab("Runs");
    await page.getByRole("cell", { name: "stopped" }).waitFor();
    await visit.picture("runs");
    expect(visit.complaints).toEqual([]);
    await visit.close();
  });

  it("measures kernels under the roof of this GPU", { timeout: 10 * minutes }, async () => {
    const visit = await site.visit();
    await visit.state("Ready");
    await visit.tab("Benchmark");
    await visit.press("Run the benchmark");
    await visit.page.getByText(/^2 of \d+/).waitFor({ timeout: 8 * minutes });
    await visit.press("Stop");
    await visit.press("Copy as JSON");
    await visit.page.getByText("The result is in the clipboard").waitFor();
    const text = await visit.page.evaluate(() => navigator.clipboard.readText());
    const result = JSON.parse(text);
    expect(result.adapter).toMatchObject({ isSoftware: true });
    expect(result.rows.length).toBeGreaterThanOrEqual(2);
    expect(result.peaks.gflops).toBeGreaterThan(0);
    await visit.picture("benchmark");
    expect(visit.complaints).toEqual([]);
    await visit.close();
  });

  it("says that the browser has no WebGPU", { timeout: 2 * minutes }, async () => {
    const inWorker = "Object.defineProperty(navigator, 'gpu', { value: undefined })";
    const visit = await site.visit({ inWorker });
    await visit.state("No GPU");
    await visit.page.getByRole("alert").filter({ hasText: "This browser has no WebGPU" }).waitFor();
    await visit.picture("no-webgpu");
    await visit.close();
  });

  it("says that there's no adapter, and tries again", { timeout: 2 * minutes }, async () => {
    const inWorker = `
      const ask = GPU.prototype.requestAdapter;
      let asked = 0;
      GPU.prototype.requestAdapter = function (...options) {
        asked += 1;
        return asked === 1 ? Promise.resolve(null) : ask.apply(this, options);
      }`;
    const visit = await site.visit({ inWorker });
    await visit.page.getByRole("alert").filter({ hasText: "No GPU was found" }).waitFor();
    await visit.picture("no-adapter");
    await visit.press("Try again");
    await visit.state("Ready");
    await visit.close();
  });

  it("goes on after the loss of the device", { timeout: 8 * minutes }, async () => {
    const inWorker = `
      const request = GPUAdapter.prototype.requestDevice;
      globalThis.devices = [];
      GPUAdapter.prototype.requestDevice = async function (...options) {
        const device = await request.apply(this, options);
        globalThis.devices.push(device);
        return device;
      }`;
    const visit = await site.visit({ inWorker });
    const { page } = visit;
    await visit.state("Ready");
    await loadSmallSet(visit);
    await set(visit, narrow);
    await visit.press("Start training");
    await expect.poll(() => visit.step(), { timeout: 5 * minutes }).toBeGreaterThan(4);
    await page.workers()[0]?.evaluate("globalThis.devices.at(-1).destroy()");
    await page.getByRole("alert").filter({ hasText: "The GPU was lost" }).waitFor();
    await visit.picture("device-lost");
    await visit.press("Open the GPU again");
    await visit.state("Ready");
    await visit.tab("Runs");
    await page.getByRole("button", { name: /^Resume quick/ }).click();
    await visit.state(/^Training|^Validating/);
    await visit.close();
  });

  it("keeps nothing in a second tab, until the first is closed", { timeout: 3 * minutes }, async () => {
    const first = await site.visit();
    await first.state("Ready");
    const second = await first.another();
    await second.state("Ready");
    const notice = second.page.locator(".notice");
    expect(await notice.locator("p").allTextContents()).toEqual([
      "Nothing is kept for the next visit",
      "Another tab of this page has the storage: close it and reload, or work on in this one. Save a checkpoint before you leave.",
    ]);
    await first.page.close();
    await second.page.reload();
    await second.state("Ready");
    expect(await notice.count()).toBe(0);
    await second.close();
  });

  it("refuses wrong files in words", { timeout: 2 * minutes }, async () => {
    const visit = await site.visit({ width: 390, colorScheme: "dark" });
    await visit.state("Ready");
    await visit.page.getByLabel("CIFAR-100 from files").check();
    await visit.pick(".gz", [{ name: "cifar.zip", body: new Uint8Array([0x50, 0x4b, 3, 4]) }]);
    const alert = visit.page.getByRole("alert").filter({ hasText: "This file can't be used" });
    await alert.waitFor();
    expect(await alert.textContent()).toContain(
      "'cifar.zip' must be a .tar.gz or .tar archive, but it is a zip file",
    );
    await visit.picture("wrong-file-narrow-dark");
    expect(await visit.page.evaluate("document.documentElement.scrollWidth")).toBe(390);
    await visit.close();
  });

  it.skipIf(!existsSync(real))(
    "reads the real CIFAR-100, and keeps it",
    { timeout: 5 * minutes },
    async () => {
      const visit = await site.visit();
      const { page } = visit;
      await visit.state("Ready");
      await page.getByLabel("CIFAR-100 from files").check();
      await page.locator('input[type=file][accept*=".gz"]').setInputFiles(real);
      await page.getByText("50,000 training and 10,000 test images").waitFor({ timeout: 3 * minutes });
      await page.getByText("Kept for the next visit").waitFor();
      await page.reload();
      await visit.state("Ready");
      expect(await page.getByLabel("Kept from last time").isChecked()).toBe(true);
      await visit.press("Read the data");
      await page.getByText("50,000 training and 10,000 test images").waitFor({ timeout: 3 * minutes });
      await set(visit, { ...narrow, "Training images": "320", "Test images": "100" });
      await visit.press("Start training");
      await expect.poll(() => visit.step(), { timeout: 3 * minutes }).toBeGreaterThan(1);
      await visit.close();
    },
  );
});
