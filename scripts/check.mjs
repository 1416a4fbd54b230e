/** Linter, formatter and types: `npm run check`; with `--write` only formats and applies the linter's safe fixes. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./setup/packages.mjs";
import { fail } from "./setup/report.mjs";
import { setup } from "./setup.mjs";

try {
  setup({ adapter: false });
} catch (error) {
  fail(error);
}

const bin = (/** @type {string} */ path) => join(root, "node_modules", path);
const biome = bin("@biomejs/biome/bin/biome");
const tsc = bin("typescript/bin/tsc");
const steps = process.argv.includes("--write")
  ? [[biome, "check", "--write", "."]]
  : [
      [biome, "check", "--error-on-warnings", "."],
      [tsc, "-p", "tsconfig.json"],
      [tsc, "-p", "tsconfig.browser.json"], // what browsers load compiles without Node's types
    ];
const failed = steps.filter(
  (step) => spawnSync(process.execPath, step, { cwd: root, stdio: "inherit" }).status !== 0,
);
process.exit(failed.length > 0 ? 1 : 0);
