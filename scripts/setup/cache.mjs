/** The user's cache folder: what set-up found out, and what it unpacked, outlives a clone of the repository. */
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { homedir, tmpdir, userInfo } from "node:os";
import { join } from "node:path";

/** @returns {string} a private folder that exists and can be written to */
export function cacheFolder() {
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env;
  const base =
    process.platform === "win32"
      ? (LOCALAPPDATA ?? join(homedir(), "AppData", "Local"))
      : process.platform === "darwin"
        ? join(homedir(), "Library", "Caches")
        : XDG_CACHE_HOME || join(homedir(), ".cache");
  // A service account's home may be missing or read-only.
  return writable(join(base, "wgrad")) ?? writable(join(tmpdir(), `wgrad-${userInfo().uid}`)) ?? tmpdir();
}

/** @param {string} folder */
function writable(folder) {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.W_OK);
    return folder;
  } catch {
    return undefined;
  }
}

/** @returns {Record<string, string>} XDG_RUNTIME_DIR where it's missing: without one, Mesa's drivers print warnings */
export function runtimeFolder() {
  const { XDG_RUNTIME_DIR } = process.env;
  if (process.platform !== "linux" || (XDG_RUNTIME_DIR && existsSync(XDG_RUNTIME_DIR))) return {};
  const folder = join(cacheFolder(), "runtime");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return { XDG_RUNTIME_DIR: folder };
}
