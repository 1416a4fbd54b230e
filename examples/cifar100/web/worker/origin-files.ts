/** `Files` in the origin-private file system, through the synchronous handles that workers have. */
import type { Files, FileWriter } from "./files.ts";

/** Worker-only, so not among the types of a page. */
interface SyncAccessHandle {
  write(bytes: Uint8Array, options?: { readonly at?: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

interface WorkerFileHandle extends FileSystemFileHandle {
  createSyncAccessHandle(): Promise<SyncAccessHandle>;
}

function isWorkerHandle(handle: FileSystemFileHandle): handle is WorkerFileHandle {
  return "createSyncAccessHandle" in handle;
}

export class OriginFiles implements Files {
  readonly #root: FileSystemDirectoryHandle;

  /** @param root `await navigator.storage.getDirectory()` */
  constructor(root: FileSystemDirectoryHandle) {
    this.#root = root;
  }

  async read(path: string): Promise<Blob | undefined> {
    return found(async () => (await this.#handle(path, false)).getFile());
  }

  async write(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const writer = await this.openWriter(path);
    try {
      writer.append(bytes);
    } finally {
      writer.close();
    }
  }

  async openWriter(path: string): Promise<FileWriter> {
    const handle = await this.#handle(path, true);
    if (!isWorkerHandle(handle)) throw new Error("this browser writes no files of the origin from a worker");
    const access = await handle.createSyncAccessHandle();
    access.truncate(0);
    let at = 0;
    return {
      append: (bytes) => {
        const written = access.write(bytes, { at });
        at += written;
        if (written < bytes.length)
          throw new DOMException("The storage took only a part of a file.", "QuotaExceededError");
      },
      close: () => {
        access.flush();
        access.close();
      },
    };
  }

  async list(folder: string): Promise<string[]> {
    const names = await found(async () => {
      const directory = await this.#folder(folder.split("/"), false);
      const all: string[] = [];
      for await (const [name] of directory) all.push(name);
      return all.sort();
    });
    return names ?? [];
  }

  async remove(path: string): Promise<void> {
    const folders = path.split("/");
    const name = folders.pop() ?? "";
    await found(async () => (await this.#folder(folders, false)).removeEntry(name, { recursive: true }));
  }

  async #handle(path: string, create: boolean): Promise<FileSystemFileHandle> {
    const folders = path.split("/");
    const name = folders.pop() ?? "";
    return (await this.#folder(folders, create)).getFileHandle(name, { create });
  }

  async #folder(names: readonly string[], create: boolean): Promise<FileSystemDirectoryHandle> {
    let folder = this.#root;
    for (const name of names) folder = await folder.getDirectoryHandle(name, { create });
    return folder;
  }
}

/** Undefined in place of the error that something isn't there. */
async function found<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (
      error instanceof DOMException &&
      (error.name === "NotFoundError" || error.name === "TypeMismatchError")
    )
      return undefined;
    throw error;
  }
}
