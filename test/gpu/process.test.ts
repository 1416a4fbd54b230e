/** In processes of their own: a device at rest costs no CPU, after `destroy()` the process exits by itself, siblings help to compile. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, describe, expect, it } from "vitest";

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
  const env = {
    ...process.env,
    XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir(),
    MESA_SHADER_CACHE_DIR: join(folder, "shaders"),
  };
  // A process that doesn't exit by itself is killed: its status is null then.
  const { status, stdout, stderr } = spawnSync(process.execPath, [outfile], {
    cwd: root,
    env,
    encoding: "utf8",
    timeout: 120_000,
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

describe("precompiling what takes long, on a software adapter", async () => {
  const { siblings, helped, died, alone } = await run("siblings");
  const names = (prefix: string) => Array.from({ length: 6 }, (_, k) => `${prefix}_${k}`);
  type Progress = readonly (readonly [number, number, string])[];

  it.each([
    ["with siblings", "helped", helped],
    ["with siblings that die", "died", died],
    ["where no other adapter is to be had", "alone", alone],
  ])("reports every kernel once, and runs nothing: %s", (_, prefix, { progress, values }) => {
    const seen: Progress = progress;
    expect(seen.map(([done, total]) => [done, total])).toEqual(Array.from({ length: 7 }, (_, k) => [k, 6]));
    expect(
      seen
        .slice(1)
        .map(([, , name]) => name)
        .sort(),
    ).toEqual(names(prefix));
    expect(values).toEqual([0, 0, 0, 0]);
  });

  it("opens siblings for that time only, and gives no kernel to two of them", () => {
    expect(helped.ends).toEqual(Array.from({ length: siblings }, () => "destroyed"));
    expect(new Set(helped.elsewhere).size).toBe(helped.elsewhere.length);
    if (siblings > 0) expect(helped.elsewhere.length).toBeGreaterThan(0);
    expect(alone.elsewhere).toEqual([]);
  });
});
