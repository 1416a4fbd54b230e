/** Where the worker keeps data, runs and snapshots: a few files by path, in the origin-private file system or, without one, in memory. */

export interface Files {
  /** Undefined where there is no such file. */
  read(path: string): Promise<Blob | undefined>;
  /** Overwrites. Not atomic: what must survive a cut has a checksum and an older copy beside it. @throws DOMException QuotaExceededError */
  write(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Overwrites piece by piece, synchronously. */
  openWriter(path: string): Promise<FileWriter>;
  /** Names in a folder, sorted; none where there is no such folder. */
  list(folder: string): Promise<string[]>;
  /** A file, or a folder with all that is in it; nothing happens where there is none. */
  remove(path: string): Promise<void>;
}

export interface FileWriter {
  /** @throws DOMException QuotaExceededError */
  append(bytes: Uint8Array): void;
  close(): void;
}

export class MemoryFiles implements Files {
  readonly #files = new Map<string, Blob>();

  async read(path: string): Promise<Blob | undefined> {
    return this.#files.get(path);
  }

  async write(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#files.set(path, new Blob([bytes]));
  }

  async openWriter(path: string): Promise<FileWriter> {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    return {
      append: (bytes) => {
        pieces.push(new Uint8Array(bytes));
      },
      close: () => {
        this.#files.set(path, new Blob(pieces));
      },
    };
  }

  async list(folder: string): Promise<string[]> {
    const inside = [...this.#files.keys()].filter((path) => path.startsWith(`${folder}/`));
    return [...new Set(inside.map((path) => path.slice(folder.length + 1).split("/")[0] ?? ""))].sort();
  }

  async remove(path: string): Promise<void> {
    for (const other of [...this.#files.keys()])
      if (other === path || other.startsWith(`${path}/`)) this.#files.delete(other);
  }
}
