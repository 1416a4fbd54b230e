/** Where downloads are kept. */
import { homedir, tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";

/**
 * The user's cache folder for wgrad; it may not exist yet. `$XDG_CACHE_HOME/wgrad` or `~/.cache/wgrad`; on macOS
 * `~/Library/Caches/wgrad`, on Windows `%LOCALAPPDATA%\wgrad`. (A relative XDG_CACHE_HOME is ignored, as its standard asks; `~` is the
 * folder of temporary files for a user without a home, as a container's may be.)
 */
export function cacheFolder(
  env: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  if (platform === "win32") return join(env.LOCALAPPDATA || join(homedir(), "AppData", "Local"), "wgrad");
  const home = env.HOME || homeOrTemporary();
  if (platform === "darwin") return join(home, "Library", "Caches", "wgrad");
  const { XDG_CACHE_HOME = "" } = env;
  return join(isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(home, ".cache"), "wgrad");
}

function homeOrTemporary(): string {
  try {
    return homedir() || tmpdir();
  } catch {
    return tmpdir();
  }
}
