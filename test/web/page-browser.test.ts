/** The page in Chromium with a worker that makes its answers up: layout, keyboard, contrast, security policy, error states. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findChromium } from "../../scripts/setup/chromium.mjs";
import type { Situation } from "./support/fake-worker.ts";
import { type OpenOptions, openPage } from "./support/page.ts";

const executablePath = findChromium() ?? "";
/** Screenshots of the last run: git ignores it, CI keeps it. */
const pictures = fileURLToPath(new URL("../../build/web/states", import.meta.url));

/** Texts whose contrast to what is behind them is below AA's 4.5; those of disabled controls may be. */
const paleTexts = `(() => {
  const channels = (colour) => {
    const numbers = colour.match(/[\\d.]+/g).map(Number);
    return colour.startsWith("color(") ? [...numbers.slice(0, 3).map((x) => 255 * x), numbers[3] ?? 1] : [...numbers.slice(0, 3), numbers[3] ?? 1];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = channels(getComputedStyle(e).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const pale = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "");
    if (!text || !element.checkVisibility() || element.closest(":disabled")) continue;
    const [a, b] = [light(channels(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) pale.push(element.textContent.trim().slice(0, 40) + " " + ratio.toFixed(2));
  }
  return pale;
})()`;

describe.skipIf(!executablePath)("the page in Chromium", () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath,
      args: ["--disable-quic", "--disable-component-update"],
    });
  });
  afterAll(() => browser.close());

  /** Opens it, lets `act` bring it to the state in question, and looks at what holds in every state. */
  const look = async (
    name: string,
    situation: Situation,
    options: OpenOptions,
    act: (page: Page) => Promise<void>,
  ): Promise<void> => {
    const { width = 1280, colorScheme = "light" } = options;
    const { page, complaints } = await openPage(browser, situation, options);
    try {
      await act(page);
      const path = join(pictures, `${name}-${width}-${colorScheme}.png`);
      await page.screenshot({ path, fullPage: true });
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
      expect(await page.evaluate(paleTexts)).toEqual([]);
      expect(complaints).toEqual([]);
    } finally {
      await page.close();
    }
  };

  const views: readonly (readonly [string, Situation, (page: Page) => Promise<void>])[] = [
    ["train", "training", (page) => page.getByText("of these 24 right").waitFor()],
    [
      "look",
      "paused",
      async (page) => {
        await page.locator(".maps canvas").nth(15).waitFor();
        await page.getByRole("button", { name: "Time a step" }).click();
        await page.getByRole("cell", { name: "62.1" }).waitFor();
      },
    ],
    [
      "classify",
      "fresh",
      async (page) => {
        await page.locator("input[accept='image/*']").setInputFiles("docs/report.png");
        await page.locator(".answers").getByText("62.0").waitFor();
      },
    ],
    ["runs", "fresh", (page) => page.getByRole("row", { name: /stopped/ }).waitFor()],
    [
      "benchmark",
      "fresh",
      async (page) => {
        await page.getByRole("button", { name: "Run the benchmark" }).click();
        await page.getByRole("cell", { name: /^126/ }).waitFor();
      },
    ],
  ];
  const looks = [
    { width: 1280, colorScheme: "light" },
    { width: 390, colorScheme: "dark" },
  ] as const;
  it.each(views.flatMap((view) => looks.map((options) => [view[0], options.width, view, options] as const)))(
    "%s fits %i px, is readable, and keeps to the policy",
    async (_, __, [tab, situation, act], options) => {
      await look(tab, situation, { ...options, tab }, act);
    },
  );

  it.each([
    ["no-webgpu", "This browser has no WebGPU", "Try again"],
    ["no-adapter", "No GPU was found", "Try again"],
    ["device-lost", "The GPU was lost", "Open the GPU again"],
    ["not-kept", "Nothing is kept for the next visit", "Close"],
    ["interrupted", "isn't done: 2 of 5 epochs", "Go on"],
  ] as const)("says what is wrong and offers a way on: %s", async (situation, message, way) => {
    await look(situation, situation, { width: 390 }, async (page) => {
      await page.getByText(message).waitFor();
      expect(await page.getByRole("button", { name: way }).isEnabled()).toBe(true);
    });
  });

  it("refuses a wrong file, and closes the message", async () => {
    await look("wrong-file", "wrong-file", { colorScheme: "dark" }, async (page) => {
      await page.getByText("CIFAR-100 from files").click();
      const file = { name: "holiday.zip", mimeType: "application/zip", buffer: Buffer.from("PK") };
      await page.locator("#panel-train input[type=file]").setInputFiles(file);
      await page.getByRole("alert").getByText("'holiday.zip' is neither").waitFor();
    });
  });

  it("refuses a file that is no picture", async () => {
    await look("no-picture", "fresh", { tab: "classify" }, async (page) => {
      const file = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("words") };
      await page.locator("input[accept='image/*']").setInputFiles(file);
      await page.getByRole("alert").getByText("'notes.txt' can't be read as a picture.").waitFor();
      await page.getByRole("button", { name: "Close" }).click();
      await page.getByRole("alert").waitFor({ state: "detached" });
    });
  });

  it("is used by keyboard: tabs, panels, form", async () => {
    const { page } = await openPage(browser, "fresh");
    const focused = () => page.evaluate("document.activeElement.textContent");
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("Train");
    await page.keyboard.press("ArrowLeft");
    expect(await focused()).toBe("Benchmark");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await page.getByRole("tab", { selected: true, name: "Look inside" }).waitFor();
    expect(await page.getByRole("tabpanel").getAttribute("id")).toBe("panel-look");
    expect(new URL(page.url()).hash).toBe("#look");
    await page.keyboard.press("Home");
    const rate = page.getByLabel("Learning rate", { exact: true });
    await rate.fill("0.2");
    await page.locator("button:enabled", { hasText: "Start training" }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("status").getByText("Training").waitFor();
    await page.close();
  });

  it("says in its title how far the run is, though a hidden page draws no frames", async () => {
    const before = "window.requestAnimationFrame = () => 0";
    const { page } = await openPage(browser, "training", { before });
    await expect.poll(() => page.title()).toMatch(/^48\.0/);
    await page.close();
  });

  it("says that the worker's script is broken", async () => {
    const { page } = await openPage(browser, "fresh", { worker: "const twice = 1; const twice = 2;" });
    await page.getByRole("alert").getByText("The worker script couldn't be loaded").waitFor();
    await page.locator(".state").getByText("No GPU").waitFor();
    expect(await page.getByRole("button", { name: "Reload the page" }).isEnabled()).toBe(true);
    await page.close();
  });

  it("leaves the focus where it is when a table is drawn anew", async () => {
    const { page } = await openPage(browser, "fresh", { tab: "runs" });
    const boxes = page.getByRole("checkbox");
    await boxes.nth(1).focus();
    await page.keyboard.press("Space");
    await page.waitForFunction("document.querySelectorAll('tbody :checked').length === 2");
    expect(await boxes.nth(1).evaluate((box) => box === document.activeElement)).toBe(true);
    await page.close();
  });

  it("pauses, resumes and stops", async () => {
    const { page } = await openPage(browser, "training");
    const state = page.locator(".state");
    await page.getByRole("button", { name: "Pause" }).click();
    await state.getByText("Paused, epoch 3 of 5").waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await state.getByText("Training, epoch 3 of 5").waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await state.getByText("Ready").waitFor();
    await page.close();
  });
});
