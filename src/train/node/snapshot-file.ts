/** Files that are whole or not there: written beside the place, synced, renamed. */
import { open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { decodeSnapshot, encodeSnapshot, type SnapshotContent, SnapshotError } from "../snapshot.ts";

/** Replaces `path`: at every moment, also after a crash, it has the old content or the new one. */
export async function writeFileWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
  try {
    const file = await open(temporary, "w");
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Writes a snapshot; the file is whole or not there. */
export async function saveSnapshot(path: string, snapshot: SnapshotContent): Promise<void> {
  await writeFileWhole(path, await encodeSnapshot(snapshot));
}

/** @throws SnapshotError, naming the file, where there is none or it's damaged */
export async function loadSnapshot(path: string): Promise<SnapshotContent> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(await readFile(path));
  } catch (cause) {
    throw new SnapshotError(`[snapshot] '${path}' can't be read; name a file that a run wrote`, { cause });
  }
  try {
    return await decodeSnapshot(bytes);
  } catch (cause) {
    if (!(cause instanceof SnapshotError)) throw cause;
    throw new SnapshotError(`[snapshot] '${path}': ${cause.message.replace("[snapshot] ", "")}`, { cause });
  }
}

/** Keeps the last snapshots of a run and deletes its earlier ones; files of other runs are left alone. */
export class SnapshotFolder {
  readonly #folder: string;
  readonly #keep: number;
  #written: string[] = [];

  constructor(folder: string, keep = 3) {
    this.#folder = folder;
    this.#keep = keep;
  }

  /** The snapshot that was written last. */
  get latest(): string | undefined {
    return this.#written.at(-1);
  }

  /** @returns the file's path */
  async save(name: string, snapshot: SnapshotContent): Promise<string> {
    const path = join(this.#folder, name);
    await saveSnapshot(path, snapshot);
    this.#written = [...this.#written.filter((other) => other !== path), path];
    while (this.#written.length > this.#keep) await rm(this.#written.shift() ?? "", { force: true });
    return path;
  }
}
