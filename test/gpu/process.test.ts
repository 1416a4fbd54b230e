/** CASES 9b, in processes of their own: a device at rest costs no CPU, and after `destroy()` the process exits by itself. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const scripts = fileURLToPath(new URL("./scripts/", import.meta.url));
// Inside the checkout, so that `webgpu` is found from there.
const folder = mkdtempSync(join(root, "node_modules", ".wgrad-test-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(name: string) {
  const outfile = join(folder, `${name}.mjs`);
  await build({
    absWorkingDir: root,
    entryPoints: [join(scripts, `${name}.ts`)],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    alias: { wgrad: "./src/index.ts" },
    logLevel: "silent",
  });
  const env = { ...process.env, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir() };
  // A process that doesn't exit by itself is killed: its status is null then.
  const { status, stdout, stderr } = spawnSync(process.execPath, [outfile], {
    cwd: root,
    env,
    encoding: "utf8",
    timeout: 60_000,
  });
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

it("an idle device uses under 1 s of CPU in 5 s, and the process exits after destroy()", async () => {
  const { product, cpuSeconds } = await run("idle");
  expect(product).toBe(11);
  expect(cpuSeconds).toBeLessThan(1);
});

it("destroy() is idempotent, and leaves the application's own device alone", async () => {
  expect(await run("destroy")).toEqual({
    afterDestroy: "[gpu] the device was destroyed; make a new one with createGpu()",
    lostReason: "destroyed",
    ownDevice: "alive",
    second: 3,
  });
});
