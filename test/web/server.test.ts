/** The server of the page: its folder's files with the right headers, and nothing else. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type StaticServer,
  segmentsOf,
  serveFolder,
} from "../../examples/cifar100/web/server/static-server.ts";

const base = mkdtempSync(join(tmpdir(), "wgrad-server-"));
const folder = join(base, "site");
let server: StaticServer;

beforeAll(async () => {
  mkdirSync(join(folder, "chunks"), { recursive: true });
  mkdirSync(join(base, "site-secret"));
  writeFileSync(join(base, "secret.txt"), "secret");
  writeFileSync(join(base, "site-secret", "a.js"), "secret");
  writeFileSync(join(folder, "index.html"), "<p>page</p>");
  writeFileSync(join(folder, "page.js"), "0;");
  writeFileSync(join(folder, "a b.css"), "p {}");
  writeFileSync(join(folder, "model.safetensors"), new Uint8Array([1, 2, 3]));
  writeFileSync(join(folder, "chunks", "index.html"), "chunks");
  symlinkSync(join(base, "secret.txt"), join(folder, "link.txt"));
  symlinkSync(base, join(folder, "up"));
  symlinkSync(join(folder, "page.js"), join(folder, "inner.js"));
  server = await serveFolder(folder, 0);
});
afterAll(async () => {
  await server.close();
  rmSync(base, { recursive: true });
});

interface Got {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

/** The path goes out as it is: `fetch` would tidy it. */
function get(path: string, { method = "GET", host }: { method?: string; host?: string } = {}): Promise<Got> {
  const { port } = new URL(server.address);
  const options = { host: "127.0.0.1", port, path, method, ...(host !== undefined && { headers: { host } }) };
  return new Promise((resolve, reject) => {
    request(options, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text) => {
        body += text;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body, headers: response.headers }),
      );
    })
      .on("error", reject)
      .end();
  });
}

describe("the server", () => {
  it.each([
    ["/", "text/html; charset=utf-8", "<p>page</p>"],
    ["/?query", "text/html; charset=utf-8", "<p>page</p>"],
    ["/index.html", "text/html; charset=utf-8", "<p>page</p>"],
    ["/page.js", "text/javascript; charset=utf-8", "0;"],
    ["/p%61ge.js", "text/javascript; charset=utf-8", "0;"],
    ["/a%20b.css", "text/css; charset=utf-8", "p {}"],
    ["/model.safetensors", "application/octet-stream", "\u0001\u0002\u0003"],
    ["/chunks/", "text/html; charset=utf-8", "chunks"],
  ])("gives %s as %s", async (path, type, body) => {
    const got = await get(path);
    expect(got).toMatchObject({ status: 200, body });
    expect(got.headers["content-type"]).toBe(type);
  });

  it.each([
    ["what isn't there", "/nothing.js", 404],
    ["a folder", "/chunks", 404],
    ["a file as a folder", "/page.js/index.html", 404],
    ["a link to a file outside", "/link.txt", 404],
    ["a folder behind a link", "/up/secret.txt", 404],
    ["a link to a file inside", "/inner.js", 404],
    ["a name too long for the disk", `/${"a".repeat(300)}`, 404],
    ["a way up", "/../secret.txt", 400],
    ["a way up and down again", "/chunks/../page.js", 400],
    ["a way up in escapes", "/%2e%2e/secret.txt", 400],
    ["a separator in an escape", "/..%2fsecret.txt", 400],
    ["a way up, escaped twice", "/%252e%252e%252fsecret.txt", 404],
    ["a backslash", "/..\\secret.txt", 400],
    ["a backslash in an escape", "/..%5csecret.txt", 400],
    ["the folder beside of like name", "/../site-secret/a.js", 400],
    ["an absolute path", "//etc/passwd", 400],
    ["a NUL byte", "/page.js%00.html", 400],
    ["a drive", "/c:/secret.txt", 400],
    ["a malformed escape", "/%zz", 400],
    ["escapes that aren't UTF-8", "/%ff", 400],
    ["no path", "*", 400],
    ["a whole address", "http://127.0.0.1/page.js", 400],
  ])("refuses %s", async (_, path, status) => {
    const got = await get(path);
    expect(got.status).toBe(status);
    expect(got.body).not.toContain("secret");
    expect(got.headers["content-security-policy"]).toContain("default-src 'none'");
  });

  it("sends the policy, and no other page may read, frame or keep it", async () => {
    const { headers } = await get("/");
    expect(headers).toMatchObject({
      "content-security-policy":
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-resource-policy": "same-origin",
      "cache-control": "no-store",
    });
  });

  it("answers HEAD without a body, and nothing that changes something", async () => {
    expect(await get("/page.js", { method: "HEAD" })).toMatchObject({ status: 200, body: "" });
    expect((await get("/page.js", { method: "POST" })).status).toBe(405);
    expect((await get("/page.js", { method: "DELETE" })).status).toBe(405);
  });

  it("answers only to this machine's names", async () => {
    const { port } = new URL(server.address);
    expect((await get("/", { host: `localhost:${port}` })).status).toBe(200);
    expect((await get("/", { host: `rebound.example:${port}` })).status).toBe(421);
    expect((await get("/", { host: "127.0.0.1" })).status).toBe(421);
    expect(server.address).toBe(`http://127.0.0.1:${port}/`);
  });

  it("says that a port is taken", async () => {
    await expect(serveFolder(folder, Number(new URL(server.address).port))).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
  });

  it("takes paths apart", () => {
    expect(segmentsOf("/a/b%20c/?x=/../y")).toEqual(["a", "b c", "index.html"]);
    expect(segmentsOf("/a//b")).toBeUndefined();
    expect(segmentsOf("/./a")).toBeUndefined();
  });
});
