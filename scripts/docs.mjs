/** The API reference, from the docstrings, as pages in build/api: `npm run docs`. A name without docstring, or a link to nowhere, fails it. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { installPackages, root } from "./setup/packages.mjs";
import { fail } from "./setup/report.mjs";
import { setup } from "./setup.mjs";

const folder = join(root, "scripts/reference");
try {
  setup({ adapter: false });
  installPackages(folder);
} catch (error) {
  fail(error);
}

const typedoc = join(folder, "node_modules/typedoc/bin/typedoc");
const options = join(folder, "typedoc.json");
const { status } = spawnSync(process.execPath, [typedoc, "--options", options], {
  cwd: root,
  stdio: "inherit",
});
process.exit(status ?? 1);
