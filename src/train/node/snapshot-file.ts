/** Snapshots in files, and folders of them: the newest good one is found, the last few are kept. */
import { open, readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import {
  decodeSnapshot,
  decodeSnapshotMeta,
  encodeSnapshot,
  type Json,
  type SnapshotContent,
  SnapshotError,
  snapshotMetaEnd,
  snapshotPreludeBytes,
} from "../snapshot.ts";
import { readLarge, sha256 } from "./large.ts";
import { writeFileWhole } from "./whole-file.ts";

/** Writes a snapshot; the file is whole or not there. @throws FileWriteError */
export async function saveSnapshot(path: string, snapshot: SnapshotContent): Promise<void> {
  await writeFileWhole(path, await encodeSnapshot(snapshot, sha256));
}

/** @throws SnapshotError, naming the file, where there is none or it's damaged */
export async function loadSnapshot(path: string): Promise<SnapshotContent> {
  return reading(path, async () => decodeSnapshot(await readLarge(path), sha256));
}

/** A snapshot among others, by what its file says of itself before its arrays. */
export interface SnapshotFile {
  readonly path: string;
  readonly meta: Json;
  /** When it was saved, in milliseconds since 1970. */
  readonly savedAt: number;
}

/** What `listSnapshots` found. */
export interface SnapshotList {
  /** Newest first. Their arrays were not looked at. */
  readonly snapshots: readonly SnapshotFile[];
  /** Why others can't be read, newest first. */
  readonly damaged: readonly { readonly path: string; readonly error: SnapshotError }[];
}

/** The files `*.wgrad` of a folder. @throws SnapshotError where there is no such folder */
export async function listSnapshots(folder: string): Promise<SnapshotList> {
  const names = await readdir(folder).catch((cause) => {
    throw new SnapshotError(`[snapshot] there is no folder '${folder}'; name one that a run wrote`, {
      cause,
    });
  });
  const snapshots: SnapshotFile[] = [];
  const damaged: { path: string; error: SnapshotError; savedAt: number }[] = [];
  for (const name of names.filter((each) => each.endsWith(".wgrad") && !each.startsWith("."))) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (!found) continue; // another run has just deleted it
    const { mtimeMs } = found;
    try {
      const meta = await loadSnapshotMeta(path);
      snapshots.push({ path, meta, savedAt: savedAt(meta) ?? mtimeMs });
    } catch (error) {
      if (!(error instanceof SnapshotError)) throw error;
      damaged.push({ path, error, savedAt: mtimeMs });
    }
  }
  return { snapshots: snapshots.sort(newestFirst), damaged: damaged.sort(newestFirst) };
}

/** What `loadLatestSnapshot` found. */
export interface LatestSnapshot {
  readonly path: string;
  readonly snapshot: SnapshotContent;
  /** Files that should have come first, but can't be used. */
  readonly damaged: readonly string[];
}

/**
 * The newest good snapshot of a folder; for a file, its own content or else that of the newest good one that was saved before it in
 * its folder.
 * @param onDamaged is told why a file can't be used, and what is used in its place
 * @throws SnapshotError if there is no good one
 */
export async function loadLatestSnapshot(
  path: string,
  onDamaged: (message: string) => void = () => {},
): Promise<LatestSnapshot> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) {
    const { snapshots, damaged } = await listSnapshots(path);
    return firstGood(path, snapshots, damaged, onDamaged);
  }
  try {
    return { path, snapshot: await loadSnapshot(path), damaged: [] };
  } catch (error) {
    if (!(error instanceof SnapshotError) || !found) throw error;
    const { snapshots } = await listSnapshots(dirname(path));
    const before = snapshots.filter((other) => other.path !== path && other.savedAt <= found.mtimeMs);
    return firstGood(path, before, [{ path, error }], onDamaged);
  }
}

async function firstGood(
  place: string,
  candidates: readonly SnapshotFile[],
  unusable: SnapshotList["damaged"],
  onDamaged: (message: string) => void,
): Promise<LatestSnapshot> {
  const damaged = [...unusable];
  for (const { path } of candidates) {
    try {
      const snapshot = await loadSnapshot(path);
      for (const { error } of damaged) {
        const what = error.message.replace("[snapshot] ", "").replace(/; use .*$/, "");
        onDamaged(`${what}; using '${path}', the newest good one before it`);
      }
      return { path, snapshot, damaged: damaged.map((file) => file.path) };
    } catch (error) {
      if (!(error instanceof SnapshotError)) throw error;
      damaged.push({ path, error });
    }
  }
  const [first] = damaged;
  if (!first)
    throw new SnapshotError(
      `[snapshot] there is no snapshot in '${place}'; name a folder that a run wrote to`,
    );
  if (damaged.length === 1) throw first.error;
  throw new SnapshotError(
    `[snapshot] none of the ${damaged.length} snapshots in '${dirname(first.path)}' is whole: ` +
      `${damaged.map((file) => basename(file.path)).join(", ")}; start the run again`,
    { cause: first.error },
  );
}

async function loadSnapshotMeta(path: string): Promise<Json> {
  return reading(path, async () => {
    const file = await open(path, "r");
    try {
      const read = async (bytes: number) => {
        const { buffer, bytesRead } = await file.read(new Uint8Array(bytes), 0, bytes, 0);
        return buffer.subarray(0, bytesRead);
      };
      const { size } = await file.stat();
      const end = snapshotMetaEnd(await read(snapshotPreludeBytes));
      return decodeSnapshotMeta(await read(Math.min(end, size)));
    } finally {
      await file.close();
    }
  });
}

/** What `read` gives. @throws SnapshotError that names the file */
async function reading<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof SnapshotError))
      throw new SnapshotError(`[snapshot] '${path}' can't be read; name a file that a run wrote`, { cause });
    throw new SnapshotError(`[snapshot] '${path}': ${cause.message.replace("[snapshot] ", "")}`, { cause });
  }
}

function savedAt(meta: Json): number | undefined {
  if (typeof meta !== "object" || meta === null || !("savedAt" in meta)) return undefined;
  return typeof meta.savedAt === "number" ? meta.savedAt : undefined;
}

interface Dated {
  readonly path: string;
  readonly savedAt: number;
}

/** Those of one moment by the numbers in their names. */
function newestFirst(a: Dated, b: Dated): number {
  return b.savedAt - a.savedAt || basename(b.path).localeCompare(basename(a.path), "en", { numeric: true });
}

/** Keeps the last snapshots of a run and deletes its earlier ones; files of other runs are left alone. */
export class SnapshotFolder {
  readonly #folder: string;
  readonly #keep: number;
  #written: string[];

  /** @param earlier what the run wrote before it was stopped, oldest first */
  constructor(folder: string, keep = 3, earlier: readonly string[] = []) {
    this.#folder = folder;
    this.#keep = keep;
    this.#written = [...earlier];
  }

  /** The snapshot that was written last. */
  get latest(): string | undefined {
    return this.#written.at(-1);
  }

  /** An earlier one is deleted only after the new one is whole. @returns the file's path @throws FileWriteError */
  async save(name: string, snapshot: SnapshotContent): Promise<string> {
    const path = join(this.#folder, name);
    await saveSnapshot(path, snapshot);
    this.#written = [...this.#written.filter((other) => other !== path), path];
    while (this.#written.length > this.#keep) await rm(this.#written.shift() ?? "", { force: true });
    return path;
  }
}
