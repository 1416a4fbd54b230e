/** Keeps two processes from downloading one file at a time: they'd write into each other's part. */
import { open, readFile, rm } from "node:fs/promises";
import { DownloadError } from "./download-error.ts";

/** Runs `work` while a file with this process's number is at `path`. @throws DownloadError if another process is at it */
export async function locked<T>(path: string, work: () => Promise<T>): Promise<T> {
  await lock(path);
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
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
    if (isSecond || isRunning(owner)) {
      throw new DownloadError(
        `[download] process ${owner} is downloading this file; wait for it, or delete '${path}' if it isn't`,
      );
    }
    await rm(path, { force: true }); // of a process that was killed
  }
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
