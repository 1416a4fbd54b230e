/** `scripts/run.mjs`, as it's called by hand. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, expect, it } from "vitest";
import { cacheFolder } from "wgrad/node";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = realpathSync(mkdtempSync(join(tmpdir(), "wgrad-run-")));
afterAll(() => rmSync(folder, { recursive: true }));

it.each(["examples/cifar100/report.ts", join(root, "examples/cifar100/report.ts")])(
  "runs %s from any folder, and its paths count from there",
  (file) => {
    const { INIT_CWD: _, ...env } = process.env;
    const args = [join(root, "scripts/run.mjs"), "--no-adapter", file, "nowhere"];
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, env, encoding: "utf8" });
    expect([status, stderr]).toEqual([
      1,
      `report: '${join(folder, "nowhere")}' holds no log; name a folder that 'npm run cifar100' wrote to (--out)\n`,
    ]);
  },
);

it("says which file isn't there", () => {
  const args = [join(root, "scripts/run.mjs"), "--no-adapter", "nowhere.ts"];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
  expect([status, stderr]).toEqual([1, "wgrad: there is no file nowhere.ts\n"]);
});

it("set-up has a cache folder, of its own and whole, for a user without a home too", () => {
  const module = JSON.stringify(pathToFileURL(join(root, "scripts/setup/cache.mjs")).href);
  const script = `console.log((await import(${module})).cacheFolder())`;
  const env = { ...process.env, HOME: "", XDG_CACHE_HOME: "relative", LOCALAPPDATA: "", TMPDIR: folder };
  const args = ["--input-type=module", "-e", script];
  const { stdout } = spawnSync(process.execPath, args, { cwd: folder, env, encoding: "utf8" });
  if (process.platform === "linux") expect(stdout).toBe(`${join(folder, `wgrad-${process.getuid?.()}`)}\n`);
  expect(cacheFolder({ HOME: "" }, "linux")).toMatch(/^(\/|[A-Z]:).*wgrad$/);
});
