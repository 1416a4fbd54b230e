/** Keeps two processes from downloading one file at a time: they'd write into each other's part. */
import { open, readFile, rm } from "node:fs/promises";
import { DownloadError } from "./download-error.ts";

/** Locks of this process. A number alone doesn't tell: after a container was killed, the next one's process often has the same. */
const held = new Set<string>();

/** Runs `work` while a file with this process's number is at `path`. @throws DownloadError if another call or process is at it */
export async function locked<T>(path: string, work: () => Promise<T>): Promise<T> {
  if (held.has(path)) throw refusal(process.pid, path);
  held.add(path);
  try {
    await lock(path);
    return await work().finally(() => rm(path, { force: true }));
  } finally {
    held.delete(path);
  }
}

async function lock(path: string): Promise<void> {
  for (let isSecond = false; ; isSecond = true) {
    try {
      const file = await open(path, "wx");
      await file.writeFile(String(process.pid)).finally(() => file.close());
      return;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const owner = Number(await readFile(path, "utf8").catch(() => ""));
    if (isSecond || (owner !== process.pid && isRunning(owner))) throw refusal(owner, path);
    await rm(path, { force: true }); // of a process that was killed
  }
}

function refusal(owner: number, path: string): DownloadError {
  return new DownloadError(
    `[download] process ${owner} is downloading this file; wait for it, or delete '${path}' if it isn't`,
  );
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
