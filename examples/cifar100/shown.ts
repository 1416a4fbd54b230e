/** Paths and words as the user would type them. */
import { relative } from "node:path";
import { fromCallersFolder } from "./options.ts";

/** A path as the user would type it. */
export function shown(path: string): string {
  const near = relative(fromCallersFolder("."), path);
  return near === "" ? "." : near.startsWith("..") ? path : near;
}

/** A word as a shell takes it. Between double quotes `$` and backquotes would still mean something, save on Windows, where there are no others. */
export function quoted(word: string): string {
  if (/^[\w./\\:@%+,-]+$/.test(word)) return word;
  return process.platform === "win32" || !/[$`"\\!]/.test(word)
    ? `"${word}"`
    : `'${word.replaceAll("'", "'\\''")}'`;
}

/** What `open` makes of a file. @throws Error that names it, which bytes can't */
export function naming<T>(path: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new Error(
      error.message.replace(/^(\[\w+\] )?/, (op) => `${op}'${shown(path)}': `),
      { cause: error },
    );
  }
}
