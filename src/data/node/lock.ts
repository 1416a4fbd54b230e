/**
 * Keeps two processes from one file or folder: they'd write into each other's.
 *
 * Each process leaves a mark that is named after it, and then looks for marks of others. So of two that come at a time one at least
 * sees the other, and what a killed process left is deleted without a chance to hit a new one's. A mark counts while its process runs. In
 * another container, or on another machine, its number says nothing; so marks are touched all the time, and one from there that
 * isn't was left behind. Whether it is touched, not when, so clocks may differ or jump.
 */
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Who is in the way. */
export interface LockOwner {
  readonly pid: number;
  /** Its machine or container, where that's another one. */
  readonly host?: string;
  /** The file that says so. */
  readonly mark: string;
}

/** Paths that this process is at. */
const held = new Set<string>();
const touchEvery = 1000; // ms
/** A process may be busy, or its machine. */
const touchedWithin = 10_000; // ms
const tries = 4;

/**
 * Runs `work` while no other call or process is at `path`, whose folder must be there.
 * @throws what `refuse` returns, if another one is
 */
export async function locked<T>(
  path: string,
  work: () => Promise<T>,
  refuse: (owner: LockOwner) => Error,
): Promise<T> {
  const mark = `${path}.${processName}-${place}.lock`;
  if (held.has(path)) throw refuse({ pid: process.pid, mark });
  held.add(path);
  let touching: NodeJS.Timeout | undefined;
  try {
    await claim(path, mark, refuse);
    touching = setInterval(() => utimes(mark, new Date(), new Date()).catch(() => {}), touchEvery).unref();
    return await work();
  } finally {
    clearInterval(touching);
    await rm(mark, { force: true }).catch(() => {}); // the next process sees that this one has ended
    held.delete(path);
  }
}

async function claim(path: string, mark: string, refuse: (owner: LockOwner) => Error): Promise<void> {
  for (let left = tries - 1; ; left--) {
    await writeFile(mark, hostname());
    const owner = await findOther(path, mark);
    if (!owner) return;
    if (left === 0) throw refuse(owner);
    await rm(mark, { force: true }); // it may have come at the same time, and sees this one: who waits longer gives way
    await delay(100 * Math.random());
  }
}

/** Deletes the marks of processes that are gone. */
async function findOther(path: string, own: string): Promise<LockOwner | undefined> {
  for (const name of await readdir(dirname(path))) {
    const mark = join(dirname(path), name);
    if (!name.startsWith(`${basename(path)}.`) || mark === own) continue;
    const [, pid, start, where] = /\.(\d+)-(\d+)-([0-9a-f]+)\.lock$/.exec(name) ?? [];
    if (pid === undefined) continue;
    const owner = { pid: Number(pid), mark };
    if (where === place) {
      if (isRunning(owner.pid, start)) return owner;
    } else if (await isTouched(mark)) {
      return { ...owner, host: await readFile(mark, "utf8").catch(() => "") };
    }
    await rm(mark, { force: true });
  }
  return undefined;
}

async function isTouched(mark: string): Promise<boolean> {
  const look = async () => (await stat(mark).catch(() => undefined))?.mtimeMs;
  const first = await look();
  for (let waited = 0; waited < touchedWithin; waited += touchEvery / 4) {
    await delay(touchEvery / 4);
    const now = await look();
    if (now === undefined) return false;
    if (now !== first) return true;
  }
  return false;
}

/**
 * Whether there is such a process here.
 * @param start of the one that is meant, as `/proc` has it: numbers are used again
 */
export function isRunning(pid: number, start?: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return false;
  }
  const found = startOf(pid);
  return !found || (found.state !== "Z" && (start ?? found.start) === found.start); // Z: ended, and nobody has asked for its status
}

/** When a process started, in ticks, and its state; undefined where there's no `/proc`. */
function startOf(pid: number): { readonly state: string; readonly start: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" "); // its name, in parentheses, may hold anything
    return { state: fields[0] ?? "", start: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}

/** This process's number, and when it started: after a container was killed, the next one's process often has the same number. */
export const processName = `${process.pid}-${startOf(process.pid)?.start ?? 0}`;

/** Where numbers of processes mean the same: this start of this machine, and this container. */
const place = createHash("sha256").update(placeName()).digest("hex").slice(0, 8);

function placeName(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8") + readlinkSync("/proc/self/ns/pid");
  } catch {
    return hostname();
  }
}
