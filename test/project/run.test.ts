/** `scripts/run.mjs`, as it's called by hand. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";

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
