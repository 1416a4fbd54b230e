/** Paths and words as the user would type them. */
import { relative } from "node:path";
import { fromCallersFolder } from "./options.ts";

/** A path as the user would type it. */
export function shown(path: string): string {
  const near = relative(fromCallersFolder("."), path);
  return near === "" ? "." : near.startsWith("..") ? path : near;
}

export function quoted(path: string): string {
  return /^[\w./\\:@%+,-]+$/.test(path) ? path : JSON.stringify(path);
}
