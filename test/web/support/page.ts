/** The page in Chromium with the fake worker, under the site's own security policy. */
import { readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Browser, Page } from "playwright";
import { headerPolicy } from "../../../examples/cifar100/web/server/policy.ts";
import type { Situation } from "./fake-worker.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = join(root, "examples/cifar100/web/page");
const origin = "http://127.0.0.1:4173";
const types: Readonly<Record<string, string>> = {
  ...{ ".html": "text/html", ".css": "text/css", ".js": "text/javascript" },
};

let script: Promise<string> | undefined;
const workers = new Map<Situation, Promise<string>>();

async function bundle(file: string, define: Record<string, string> = {}): Promise<string> {
  const { outputFiles } = await build({
    ...{
      absWorkingDir: root,
      entryPoints: [file],
      bundle: true,
      write: false,
      format: "esm",
      target: "es2022",
    },
    define,
  });
  return outputFiles[0]?.text ?? "";
}

export interface OpenOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: "light" | "dark";
  /** The tab that stands in the address. */
  readonly tab?: string;
  /** JavaScript that runs in the page before anything else of it. */
  readonly before?: string;
  /** In place of the fake worker's script. */
  readonly worker?: string;
}

/** @returns the page, and what it complained about: errors, refusals of the policy, requests to elsewhere */
export async function openPage(
  browser: Browser,
  situation: Situation,
  {
    width = 1280,
    height = 900,
    colorScheme = "light",
    tab = "train",
    before,
    worker: other,
  }: OpenOptions = {},
): Promise<{ readonly page: Page; readonly complaints: string[] }> {
  script ??= bundle("examples/cifar100/web/page/main.ts");
  const worker =
    workers.get(situation) ??
    bundle("test/web/support/fake-worker.ts", { SITUATION: JSON.stringify(situation) });
  workers.set(situation, worker);
  const made: Readonly<Record<string, () => Promise<string>>> = {
    "/page.js": async () => script ?? "",
    "/worker.js": async () => other ?? worker,
  };
  const page = await browser.newPage({ viewport: { width, height }, colorScheme, reducedMotion: "reduce" });
  if (before !== undefined) await page.addInitScript(before);
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.route("**/*", async (route) => {
    const { origin: from, pathname } = new URL(route.request().url());
    if (from !== origin) {
      complaints.push(route.request().url());
      return route.abort();
    }
    const name = pathname === "/" ? "/index.html" : pathname;
    const body = (await made[name]?.()) ?? readFileSync(join(folder, name), "utf8");
    const headers = { "content-type": types[extname(name)] ?? "", "content-security-policy": headerPolicy };
    return route.fulfill({ body, headers });
  });
  await page.goto(`${origin}/#${tab}`);
  await page.locator("h1").waitFor();
  return { page, complaints };
}
