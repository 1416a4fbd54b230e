/**
 * Runs in the storage: `runs/ID/run.json` and two snapshots, written in turns. A snapshot has a checksum, so if the page dies while one is written, the
 * other one is whole.
 */
import { train } from "wgrad";
import type { Files } from "./files.ts";
import { isRunRecord, type RunRecord } from "./run-record.ts";

export interface StoredRun {
  readonly record: RunRecord;
  readonly resumable: boolean;
}

export interface LoadedRun {
  /** As it was when the snapshot was taken. */
  readonly record: RunRecord;
  readonly snapshot: train.SnapshotContent;
}

const folder = "runs";
const slots = ["a.wgrad", "b.wgrad"] as const;
type Slot = (typeof slots)[number];

export class RunStore {
  readonly #files: Files;
  /** Where the newest snapshot of a run lies, where that is known. */
  readonly #newest = new Map<string, Slot>();

  constructor(files: Files) {
    this.#files = files;
  }

  /** Newest first. Leaves out what can't be read. */
  async list(): Promise<StoredRun[]> {
    const runs: StoredRun[] = [];
    for (const id of (await this.#files.list(folder)).reverse()) {
      const names = await this.#files.list(`${folder}/${id}`);
      const resumable = slots.some((slot) => names.includes(slot));
      const record = (await this.#record(id)) ?? (resumable ? (await this.load(id))?.record : undefined);
      if (record) runs.push({ record, resumable });
    }
    return runs;
  }

  async save(record: RunRecord): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify(record));
    await this.#files.write(`${folder}/${record.id}/run.json`, bytes);
  }

  /** Writes a snapshot over the older one. @returns its bytes */
  async saveSnapshot(id: string, snapshot: train.SnapshotContent): Promise<number> {
    const slot = this.#newest.get(id) === slots[0] ? slots[1] : slots[0];
    const bytes = await train.encodeSnapshot(snapshot);
    await this.#files.write(`${folder}/${id}/${slot}`, bytes);
    this.#newest.set(id, slot);
    return bytes.length;
  }

  /** The newest whole snapshot of a run, if there is one. */
  async load(id: string): Promise<LoadedRun | undefined> {
    let newest: (LoadedRun & { readonly savedAt: number; readonly slot: Slot }) | undefined;
    for (const slot of slots) {
      const file = await this.#files.read(`${folder}/${id}/${slot}`);
      const snapshot = file && (await decoded(file));
      if (!snapshot) continue;
      const { savedAt, settings } = fieldsOf(snapshot.meta);
      if (isRunRecord(settings) && (!newest || savedAt > newest.savedAt))
        newest = { record: settings, snapshot, savedAt, slot };
    }
    if (newest) this.#newest.set(id, newest.slot);
    return newest;
  }

  async remove(id: string): Promise<void> {
    this.#newest.delete(id);
    await this.#files.remove(`${folder}/${id}`);
  }

  async #record(id: string): Promise<RunRecord | undefined> {
    const file = await this.#files.read(`${folder}/${id}/run.json`);
    if (!file) return undefined;
    try {
      const value: unknown = JSON.parse(await file.text());
      return isRunRecord(value) ? value : undefined;
    } catch {
      return undefined; // cut off: the snapshot has it too
    }
  }
}

/** Undefined for one that was cut off or is of another release. */
async function decoded(file: Blob): Promise<train.SnapshotContent | undefined> {
  try {
    return await train.decodeSnapshot(new Uint8Array(await file.arrayBuffer()));
  } catch (error) {
    if (error instanceof train.SnapshotError) return undefined;
    throw error;
  }
}

function fieldsOf(meta: unknown): { readonly savedAt: number; readonly settings: unknown } {
  if (typeof meta !== "object" || meta === null) return { savedAt: 0, settings: undefined };
  const { savedAt, settings }: { savedAt?: unknown; settings?: unknown } = meta;
  return { savedAt: typeof savedAt === "number" ? savedAt : 0, settings };
}
