/**
 * Files that are whole or not there: written beside their place, synced, renamed, and the folder synced.
 *
 * Without the folder's sync a power cut may undo the rename. A process that is killed on the way leaves its temporary file; its
 * name holds the process, so the next run can tell whether anybody is still writing it.
 */
import { open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isRunning, processName } from "../../data/node/lock.ts";

/** Thrown where a file can't be written. What was there before is still there. */
export class FileWriteError extends Error {
  override readonly name = "FileWriteError";
}

/**
 * Replaces `path`: at every moment, also after a crash, it has the old content or the new one.
 * @throws FileWriteError that says why, and what to do
 */
export async function writeFileWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${processName}.tmp`);
  try {
    const file = await open(temporary, "w");
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {}); // what went wrong first is what's told
    throw asWriteError(path, error);
  }
}

/** An error of the file system as one that says what to do. */
export function asWriteError(path: string, error: unknown): FileWriteError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const reason = error instanceof Error ? error.message : String(error);
  return new FileWriteError(`[files] '${path}' can't be written: ${reasons[code] ?? reason}`, {
    cause: error,
  });
}

const full = "the disk is full; make room or choose another folder";
const readOnly = "the folder is read-only or isn't yours; choose another";
const missing = "its folder doesn't exist; make it or choose another";
const reasons: Readonly<Record<string, string>> = {
  ENOSPC: `${full} (ENOSPC)`,
  EDQUOT: `your part of ${full} (EDQUOT)`,
  EROFS: `${readOnly} (EROFS)`,
  EACCES: `${readOnly} (EACCES)`,
  EPERM: `${readOnly} (EPERM)`,
  ENOENT: `${missing} (ENOENT)`,
  ENOTDIR: `${missing} (ENOTDIR)`,
  EEXIST: "it's a file; choose a folder (EEXIST)",
  EISDIR: "it's a folder; choose another name (EISDIR)",
};

/** Deletes what processes that are gone left half written in a folder. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const [, pid, start] = /^\..+\.(\d+)(?:-(\d+))?\.tmp$/.exec(name) ?? [];
    if (pid !== undefined && !isRunning(Number(pid), start)) await rm(join(folder, name), { force: true });
  }
}

async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return; // folders can't be opened there
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
