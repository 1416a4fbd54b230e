/** The whole site, page and worker as users get them, in Chromium on SwiftShader. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright";
import { buildSite } from "../../../examples/cifar100/web/server/build-site.ts";
import { type StaticServer, serveFolder } from "../../../examples/cifar100/web/server/static-server.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
/** Screenshots of the last run: git ignores it, CI keeps it. */
const pictures = join(root, "build/web");

const flags = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--disable-gpu-watchdog",
  "--disable-quic",
  "--disable-component-update",
  "--disable-sync",
];

export interface VisitOptions {
  readonly width?: number;
  readonly colorScheme?: "light" | "dark";
  /** JavaScript that runs in the worker before anything else of it. */
  readonly inWorker?: string;
}

export class Site {
  readonly address: string;
  readonly #browser: Browser;
  readonly #server: StaticServer;
  readonly #folder: string;

  private constructor(browser: Browser, server: StaticServer, folder: string) {
    this.#browser = browser;
    this.#server = server;
    this.#folder = folder;
    this.address = server.address;
  }

  static async open(executablePath: string): Promise<Site> {
    const folder = mkdtempSync(join(tmpdir(), "wgrad-site-"));
    mkdirSync(pictures, { recursive: true });
    await buildSite({ root, folder, withPolicy: false });
    const server = await serveFolder(folder, 0);
    return new Site(await chromium.launch({ executablePath, args: flags }), server, folder);
  }

  /** A visitor with a storage of their own. */
  async visit({ width = 1280, colorScheme = "light", inWorker }: VisitOptions = {}): Promise<Visit> {
    const context = await this.#browser.newContext({
      ...{ viewport: { width, height: 900 }, colorScheme, reducedMotion: "reduce", acceptDownloads: true },
    });
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    if (inWorker !== undefined) {
      await context.route("**/worker.js", async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: `${inWorker};\n${await response.text()}` });
      });
    }
    const visit = new Visit(context, await context.newPage());
    await visit.page.goto(this.address);
    return visit;
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.#server.close();
    rmSync(this.#folder, { recursive: true });
  }
}

export class Visit {
  readonly page: Page;
  readonly #context: BrowserContext;
  /** Errors, and what the policy refused. */
  readonly complaints: string[] = [];

  constructor(context: BrowserContext, page: Page) {
    this.#context = context;
    this.page = page;
    page.setDefaultTimeout(120_000);
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") this.complaints.push(message.text());
    });
  }

  /** Waits until the header says this. */
  async state(words: string | RegExp): Promise<void> {
    await this.page.locator("header [role=status]").filter({ hasText: words }).waitFor();
  }

  async tab(name: string): Promise<void> {
    await this.page.getByRole("tab", { name }).click();
  }

  button(name: string) {
    return this.page.getByRole("button", { name, exact: true });
  }

  async press(name: string): Promise<void> {
    await this.button(name).filter({ visible: true }).click();
  }

  /** Picks files for the input that such a file may be given to. */
  async pick(
    accept: string,
    files: readonly { readonly name: string; readonly body: Uint8Array }[],
  ): Promise<void> {
    const inputs = this.page.locator(`[role=tabpanel]:not([hidden]) input[type=file][accept*="${accept}"]`);
    await inputs.first().setInputFiles(
      files.map(({ name, body }) => ({
        name,
        mimeType: "application/octet-stream",
        buffer: Buffer.from(body),
      })),
    );
  }

  /** Steps that the run has done, by what the page says. */
  async step(): Promise<number> {
    const text = (await this.page.getByRole("region", { name: "The run" }).textContent()) ?? "";
    return Number(/step ([\d,]+)/.exec(text)?.[1]?.replaceAll(",", "") ?? Number.NaN);
  }

  async picture(name: string): Promise<void> {
    await this.page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  }

  /** Another tab of the same visitor. */
  async another(): Promise<Visit> {
    const visit = new Visit(this.#context, await this.#context.newPage());
    await visit.page.goto(this.page.url());
    return visit;
  }

  close(): Promise<void> {
    return this.#context.close();
  }
}
