/**
 * Runs a TypeScript file of this repository, or vitest, after set-up: `node scripts/run.mjs examples/cifar100/main.ts ...`.
 *
 * Node 20 can't strip types, so esbuild bundles the file first; packages stay outside the bundle. It runs in a child
 * process because the dynamic linker reads LD_LIBRARY_PATH, which set-up may have to extend, only when a process starts.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { join, relative, resolve } from "node:path";
import { provideChromium } from "./setup/chromium.mjs";
import { root } from "./setup/packages.mjs";
import { fail, SetupError } from "./setup/report.mjs";
import { setup } from "./setup.mjs";

const words = process.argv.slice(2);
const needsAdapter = words[0] !== "--no-adapter";
const [target, ...args] = needsAdapter ? words : words.slice(1);
try {
  if (!target) throw new SetupError("usage: node scripts/run.mjs [--no-adapter] FILE.ts|vitest [arguments]");
  const isHelp = args.some((arg) => arg === "--help" || arg === "-h");
  const env = setup({ adapter: needsAdapter && !isHelp });
  if (target === "vitest" && !isHelp) provideChromium();
  const file = target === "vitest" ? join(root, "node_modules/vitest/vitest.mjs") : await bundle(target);
  run([...(target === "vitest" ? [] : ["--enable-source-maps"]), file, ...args], env);
} catch (error) {
  fail(error);
}

/**
 * @param {string} entry
 * @returns {Promise<string>} the bundle's path; its name holds a hash of its content, so runs side by side can't collide
 */
async function bundle(entry) {
  const source = [resolve(entry), join(root, entry)].find(existsSync); // npm starts scripts in the root, others are elsewhere
  if (!source) throw new SetupError(`there is no file ${entry}`);
  const folder = join(root, "node_modules/.cache/wgrad");
  const esbuild = await import("esbuild");
  const { outputFiles } = await esbuild
    .build({
      entryPoints: [source],
      bundle: true,
      write: false,
      platform: "node",
      format: "esm",
      target: "node20",
      packages: "external",
      sourcemap: "inline",
      sourcesContent: false,
      alias: { "wgrad/node": "./src/node.ts", "wgrad/testing": "./src/testing.ts", wgrad: "./src/index.ts" },
      absWorkingDir: root,
      outdir: folder,
      logLevel: "error",
    })
    .catch(() => process.exit(1)); // esbuild has printed what is wrong, and where
  const code = outputFiles[0]?.contents ?? new Uint8Array();
  const name = relative(root, source)
    .replace(/\.ts$/, "")
    .replace(/[^a-z0-9]+/gi, "-");
  const file = join(folder, `${name}-${createHash("sha256").update(code).digest("hex").slice(0, 12)}.mjs`);
  mkdirSync(folder, { recursive: true });
  for (const old of readdirSync(folder).filter((other) => other.startsWith(`${name}-`))) {
    const age = Date.now() - (statSync(join(folder, old), { throwIfNoEntry: false })?.mtimeMs ?? 0);
    if (age > 86_400_000) rmSync(join(folder, old), { force: true });
  }
  writeFileSync(`${file}.${process.pid}`, code);
  renameSync(`${file}.${process.pid}`, file);
  return file;
}

/**
 * Runs Node with `argv` and passes its exit status on.
 * @param {string[]} argv
 * @param {NodeJS.ProcessEnv} env
 */
function run(argv, env) {
  const INIT_CWD = env.INIT_CWD ?? process.cwd(); // where paths count from, as npm says it
  const child = spawn(process.execPath, argv, { stdio: "inherit", env: { ...env, INIT_CWD }, cwd: root });
  for (const signal of /** @type {const} */ (["SIGTERM", "SIGHUP"]))
    process.on(signal, () => child.kill(signal));
  // Ctrl-C reaches every process of the terminal's group, the child included, which saves its work and ends; so here it's
  // only outlived. Without a terminal the signal came to this process alone.
  const fromTerminal = process.platform === "win32" || hasTerminal();
  process.on("SIGINT", () => fromTerminal || child.kill("SIGINT"));
  child.on("error", fail);
  child.on("exit", (code, signal) => {
    if (signal === "SIGHUP") {
      // The terminal is gone: an ordinary exit would set it as it was before, fail, and dump core.
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
    process.exit(code ?? 128 + constants.signals[signal ?? "SIGTERM"]);
  });
}

function hasTerminal() {
  try {
    openSync("/dev/tty", "r");
    return true;
  } catch {
    return false;
  }
}
