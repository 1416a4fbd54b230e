/** The user's cache folder: what set-up found out, and what it unpacked, outlives a clone of the repository. */
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";

/** @returns {string} a private folder that exists and can be written to */
export function cacheFolder() {
  const { LOCALAPPDATA, XDG_CACHE_HOME = "" } = process.env;
  const base =
    process.platform === "win32"
      ? LOCALAPPDATA || inHome("AppData", "Local")
      : process.platform === "darwin"
        ? inHome("Library", "Caches")
        : isAbsolute(XDG_CACHE_HOME)
          ? XDG_CACHE_HOME
          : inHome(".cache");
  // A service account's home may be missing or read-only, and a container's user may have neither home nor name.
  return (
    (base && writable(join(base, "wgrad"))) ||
    writable(join(tmpdir(), `wgrad-${process.getuid?.() ?? ""}`)) ||
    tmpdir()
  );
}

/** @param {string[]} folders */
function inHome(...folders) {
  try {
    const home = homedir();
    return home && join(home, ...folders);
  } catch {
    return undefined;
  }
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
