/**
 * Makes a fresh clone able to run: installs the packages, and sees to it that Dawn finds a WebGPU adapter. It's plain
 * Node without dependencies, because it's what runs when there are none; every npm script goes through it, so any of
 * them can be the first command. When nothing is to be done it reads a few files and takes milliseconds.
 */
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { provideAdapter } from "./setup/adapter.mjs";
import { installPackages } from "./setup/packages.mjs";
import { fail, SetupError } from "./setup/report.mjs";

/**
 * @param {{ adapter?: boolean }} [options] `adapter: false` leaves the GPU out, for commands that don't compute
 * @returns {NodeJS.ProcessEnv} the environment in which commands find the adapter
 */
export function setup({ adapter = true } = {}) {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new SetupError(`Node ${process.versions.node} is too old: install Node 20.19 or newer.`);
  }
  installPackages();
  return adapter ? provideAdapter() : process.env;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    setup();
    console.error("wgrad: ready");
  } catch (error) {
    fail(error);
  }
}
