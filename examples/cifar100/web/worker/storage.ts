/** Opens the storage: one tab of an origin has it, the others keep what they need in memory. */
import { type Files, MemoryFiles } from "./files.ts";
import { OriginFiles } from "./origin-files.ts";

export interface Storage {
  readonly files: Files;
  /** Why nothing stays for the next visit: a sentence. */
  readonly notKept?: string;
}

const lockName = "wgrad";
/** A page that was just reloaded may hold it for a moment. */
const lockMilliseconds = 4000;

export async function openStorage(): Promise<Storage> {
  if (!("storage" in navigator && "getDirectory" in navigator.storage && "locks" in navigator))
    return inMemory("This browser has no file system for pages.");
  if (!(await lock()))
    return inMemory("Another tab of this page has the storage: close it and reload, or work on in this one.");
  try {
    return { files: new OriginFiles(await navigator.storage.getDirectory()) };
  } catch (error) {
    return inMemory(`The browser refuses its storage (${error instanceof Error ? error.message : error}).`);
  }
}

function inMemory(notKept: string): Storage {
  return { files: new MemoryFiles(), notKept };
}

/** Takes the lock until the worker ends. @returns false if another tab has it */
function lock(): Promise<boolean> {
  const signal = AbortSignal.timeout(lockMilliseconds);
  return new Promise((resolve) => {
    navigator.locks
      .request(lockName, { signal }, () => {
        resolve(true);
        return new Promise<never>(() => {});
      })
      .catch(() => resolve(false));
  });
}
