/** `npm run web -- --build`: a folder that works anywhere, also where the host sends nothing but the files. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildSite } from "../../examples/cifar100/web/server/build-site.ts";
import { findChromium } from "../../scripts/setup/chromium.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const executablePath = findChromium() ?? "";
const base = mkdtempSync(join(tmpdir(), "wgrad-static-"));
const folder = join(base, "any/folder");
const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".css": "text/css",
  ".js": "text/javascript",
};
let host: Server;

beforeAll(async () => {
  await buildSite({ root, folder, withPolicy: true });
  host = createServer(({ url = "" }, response) => {
    const file = join(base, url.endsWith("/") ? `${url}index.html` : url);
    if (!existsSync(file)) return response.writeHead(404).end();
    return response.writeHead(200, { "content-type": types[extname(file)] ?? "" }).end(readFileSync(file));
  });
  await new Promise<void>((resolve) => host.listen(0, "127.0.0.1", resolve));
}, 120_000);
afterAll(() => {
  host.close();
  rmSync(base, { recursive: true });
});

describe("the static site", () => {
  it("has the policy before anything that it's about, and no sources or absolute addresses", () => {
    const html = readFileSync(join(folder, "index.html"), "utf8");
    const at = html.indexOf(
      '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; script-src',
    );
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThan(Math.min(html.indexOf("<script"), html.indexOf("<link")));
    expect(html).not.toMatch(/(src|href)="(?!\.\/|data:|#)/);
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
    expect(files.filter((name) => /\.(ts|map)$/.test(name))).toEqual([]);
    for (const name of files.filter((each) => each.endsWith(".js")))
      expect(readFileSync(join(folder, name), "utf8")).not.toContain(root);
  });

  it.skipIf(!executablePath)(
    "opens from a folder of a host and asks nobody else",
    { timeout: 120_000 },
    async () => {
      const args = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--disable-gpu-watchdog"];
      const browser = await chromium.launch({
        executablePath,
        args: [...args, "--disable-component-update"],
      });
      const page = await browser.newPage();
      const address = host.address();
      const port = typeof address === "object" ? address?.port : 0;
      const place = `http://127.0.0.1:${port}/any/folder/`;
      const others: string[] = [];
      page.on("request", (request) => {
        if (!request.url().startsWith(place) && !/^(data|blob):/.test(request.url()))
          others.push(request.url());
      });
      page.on("console", (message) => others.push(message.text()));
      page.on("pageerror", (error) => others.push(error.message));
      await page.goto(place);
      await page.locator("header [role=status]").filter({ hasText: "Ready" }).waitFor({ timeout: 90_000 });
      expect(others).toEqual([]);
      await browser.close();
    },
  );
});
