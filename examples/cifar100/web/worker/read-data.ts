/**
 * CIFAR-100 from files that the user gave, or that an earlier visit kept, checked as in Node: sizes, labels, gzip's own checksum, the official
 * files' md5. What is read goes to the storage on the way, as the set's two files, so a visit later nothing is unpacked.
 */
import { data } from "wgrad";
import { cifar100Format } from "../../../../src/data/cifar-format.ts";
import { readCifar100 } from "../../../../src/data/cifar-source.ts";
import type { Files, FileWriter } from "./files.ts";
import { Md5 } from "./md5.ts";
import { WorkerProblem } from "./problems.ts";

export interface LoadedData {
  readonly name: "CIFAR-100" | "synthetic";
  readonly sets: data.TrainTest;
  readonly stored: boolean;
}

export interface StoredData {
  readonly name: string;
  readonly bytes: number;
}

/** Bytes read, of a file's. */
export type OnReading = (file: string, done: number, total: number) => void;

const folder = "data";
const infoPath = `${folder}/info.json`;
/** Enough to see learning, drawn in a second or two. */
const syntheticCounts = { trainCount: 5_000, testCount: 1_000 };

interface Info extends StoredData {
  readonly official: boolean;
}

export class DataReader {
  readonly #files: Files;
  readonly #onReading: OnReading;
  readonly #onTrouble: (error: unknown) => void;

  /** @param onTrouble told why a set can't be kept: it's used all the same */
  constructor(files: Files, onReading: OnReading, onTrouble: (error: unknown) => void) {
    this.#files = files;
    this.#onReading = onReading;
    this.#onTrouble = onTrouble;
  }

  synthetic(): LoadedData {
    return { name: "synthetic", sets: data.syntheticCifar100(syntheticCounts), stored: false };
  }

  /** What an earlier visit kept. */
  async stored(): Promise<StoredData | undefined> {
    return this.#info();
  }

  async forget(): Promise<void> {
    await this.#files.remove(folder);
  }

  /** @throws WorkerProblem if nothing was kept; DatasetError if it was damaged since */
  async readStored(): Promise<LoadedData> {
    const info = await this.#info();
    const [train, test] = await Promise.all(
      ["train.bin", "test.bin"].map((name) => this.#files.read(`${folder}/${name}`)),
    );
    if (!info || !train || !test) {
      throw new WorkerProblem(
        "wrong-file",
        "No data set of an earlier visit is here.",
        "Drop or pick CIFAR-100, or take the synthetic set.",
      );
    }
    const read = this.#streams(train.size + test.size, info.name);
    const sets = await readChecked({ train: read(train), test: read(test) }, info.official, info.name);
    return { name: "CIFAR-100", sets, stored: true };
  }

  /**
   * @param files one archive, or train.bin and test.bin
   * @throws WorkerProblem, DatasetError for anything that isn't the set
   */
  async readFiles(files: readonly File[], official: boolean): Promise<LoadedData> {
    const given = sourceOf(files);
    const total = files.reduce((sum, { size }) => sum + size, 0);
    const name = files.map((file) => file.name).join(" and ");
    const read = this.#streams(total, name);
    const keeper = await this.#keeper();
    try {
      const source =
        "archive" in given ? read(given.archive) : { train: read(given.train), test: read(given.test) };
      const inFolder = "archive" in given ? given.archive.name : "";
      const sets = await readChecked(source, official, inFolder, keeper?.take);
      const stored = (await keeper?.finish({ name, official })) ?? false;
      return { name: "CIFAR-100", sets, stored };
    } catch (error) {
      await keeper?.abandon();
      throw error;
    }
  }

  async #info(): Promise<Info | undefined> {
    const file = await this.#files.read(infoPath);
    if (!file) return undefined;
    try {
      const info: unknown = JSON.parse(await file.text());
      return isInfo(info) ? info : undefined;
    } catch {
      return undefined; // cut off while it was written
    }
  }

  /** Makes streams of files that count what is read of them together. */
  #streams(total: number, name: string): (file: Blob) => AsyncGenerator<Uint8Array> {
    let done = 0;
    let told = 0;
    const onReading = this.#onReading;
    return async function* (file) {
      const reader = file.stream().getReader();
      try {
        for (let next = await reader.read(); !next.done; next = await reader.read()) {
          yield next.value;
          done += next.value.length;
          if (done - told < total / 100 && done < total) continue;
          onReading(name, done, total);
          told = done;
        }
      } finally {
        await reader.cancel().catch(() => {}); // it's at its end, or its error is on its way
      }
    };
  }

  /** Undefined where nothing can be written. */
  async #keeper(): Promise<Keeper | undefined> {
    try {
      await this.forget();
      const writers = new Map<string, FileWriter>();
      for (const { name } of cifar100Format.files)
        writers.set(name, await this.#files.openWriter(`${folder}/${name}`));
      return new Keeper(this.#files, writers, this.#onTrouble);
    } catch (error) {
      this.#onTrouble(error);
      return undefined;
    }
  }
}

/** Writes a set to the storage while it's read. Its `info.json` comes last: without it there is no set. */
class Keeper {
  readonly #files: Files;
  readonly #writers: ReadonlyMap<string, FileWriter>;
  readonly #onTrouble: (error: unknown) => void;
  #bytes = 0;
  #failed = false;

  constructor(files: Files, writers: ReadonlyMap<string, FileWriter>, onTrouble: (error: unknown) => void) {
    this.#files = files;
    this.#writers = writers;
    this.#onTrouble = onTrouble;
  }

  readonly take = (file: string, bytes: Uint8Array): void => {
    if (this.#failed) return;
    try {
      this.#writers.get(file)?.append(bytes);
      this.#bytes += bytes.length;
    } catch (error) {
      this.#failed = true;
      this.#onTrouble(error);
    }
  };

  /** @returns whether it's kept */
  async finish(info: Omit<Info, "bytes">): Promise<boolean> {
    try {
      for (const writer of this.#writers.values()) writer.close();
      if (this.#failed) throw undefined;
      const text = JSON.stringify({ ...info, bytes: this.#bytes } satisfies Info);
      await this.#files.write(infoPath, new TextEncoder().encode(text));
      return true;
    } catch (error) {
      if (error !== undefined) this.#onTrouble(error);
      await this.#files.remove(folder);
      return false;
    }
  }

  async abandon(): Promise<void> {
    for (const writer of this.#writers.values()) writer.close();
    await this.#files.remove(folder);
  }
}

/** @throws DatasetError */
async function readChecked(
  source: Parameters<typeof readCifar100>[0],
  official: boolean,
  name: string,
  onFileBytes: (file: string, bytes: Uint8Array) => void = () => {},
): Promise<data.TrainTest> {
  const sums = new Map(cifar100Format.files.map((file) => [file.name, new Md5()]));
  const sets = await readCifar100(source, {
    verify: official,
    ...(name !== "" && { name }),
    onFileBytes: (file, bytes) => {
      if (official) sums.get(file)?.update(bytes);
      onFileBytes(file, bytes);
    },
  });
  for (const { name: file, md5 } of official ? cifar100Format.files : []) {
    const found = sums.get(file)?.digest();
    if (found === md5) continue;
    throw new data.DatasetError(
      `'${file}' must be the official file, of md5 ${md5}, but its md5 is ${found}; download it again`,
    );
  }
  return sets;
}

type Given = { readonly archive: File } | { readonly train: File; readonly test: File };

/** @throws WorkerProblem for another choice of files */
function sourceOf(files: readonly File[]): Given {
  const named = (name: string) => files.find((file) => file.name === name);
  const [train, test, first] = [named("train.bin"), named("test.bin"), files[0]];
  if (files.length === 2 && train && test) return { train, test };
  if (files.length === 1 && first && !first.name.endsWith(".bin")) return { archive: first };
  const names = files.map((file) => `'${file.name}'`).join(", ");
  throw new WorkerProblem(
    "wrong-file",
    `CIFAR-100 is one archive, ${cifar100Format.archive.name}, or its files train.bin and test.bin together, but ${names || "nothing"} came.`,
    "Drop or pick the archive, or both files at once.",
  );
}

function isInfo(value: unknown): value is Info {
  if (typeof value !== "object" || value === null) return false;
  const info: Partial<Record<keyof Info, unknown>> = value;
  return (
    typeof info.name === "string" && typeof info.bytes === "number" && typeof info.official === "boolean"
  );
}
