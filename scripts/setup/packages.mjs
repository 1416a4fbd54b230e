/**
 * Installs node_modules when it doesn't hold what package-lock.json asks for. npm leaves its own list of what it
 * installed in node_modules/.package-lock.json; comparing the two needs no stamp of ours, so it also notices a branch
 * switch, an interrupted install, or a folder that came from another kind of machine.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SetupError, say } from "./report.mjs";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** @param {string} [folder] one with a package-lock.json; the project by default */
export function installPackages(folder = root) {
  if (isInstalled(folder)) return;
  say("installing packages (npm ci)");
  // npm's own script where we run under npm; the shell finds npm (npm.cmd on Windows) otherwise. Packages' install
  // scripts aren't needed: esbuild and webgpu ship their binaries as files.
  const args = [
    "ci",
    "--include=dev",
    "--include=optional",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
    "--loglevel=error",
  ];
  const script = process.env.npm_execpath;
  const options = { cwd: folder, encoding: /** @type {const} */ ("utf8") };
  const result =
    script && basename(script).startsWith("npm-cli")
      ? spawnSync(process.execPath, [script, ...args], options)
      : spawnSync(["npm", ...args].join(" "), { ...options, shell: true });
  if (result.status === 0) return;
  const lines = `${result.stderr ?? ""}`.split("\n").map((line) => line.replace(/^npm (error|ERR!) ?/, ""));
  const reason = lines.find(
    (line) => line && !/^(code|syscall|errno|path|dest|npm |A complete log)/.test(line),
  );
  throw new SetupError(
    `npm ci failed (${reason ?? "no reason given"}): run 'npm ci'${folder === root ? "" : ` in ${folder}`} to see more; when that works, try again.`,
  );
}

/** @typedef {{ version?: string, optional?: boolean, os?: string[], cpu?: string[], libc?: string[] }} LockedPackage */

/** @param {string} folder */
function isInstalled(folder) {
  const wanted = readLock(join(folder, "package-lock.json"));
  const present = readLock(join(folder, "node_modules/.package-lock.json"));
  return Object.entries(wanted).every(([path, { version, optional, os, cpu, libc }]) => {
    if (path === "") return true;
    const has = present[path];
    if (has) return has.version === version;
    // Binaries for other machines are absent, and so is what only those need (which states no platform).
    return optional && !(os?.includes(process.platform) && cpu?.includes(process.arch) && !libc);
  });
}

/**
 * @param {string} file
 * @returns {Record<string, LockedPackage>}
 */
function readLock(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).packages : {};
}
