/** CIFAR from disk. Files are streamed, and their md5 is computed on the way: node:crypto has it, web crypto hasn't. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { TrainTest } from "../cifar-binary.ts";
import { type CifarFormat, cifar10Format, cifar100Format } from "../cifar-format.ts";
import { readCifarArchive, readCifarFiles } from "../cifar-source.ts";
import { DatasetError } from "../dataset-error.ts";

/** Where `loadCifar10` and `loadCifar100` look, and what they read. */
export interface LoadCifarOptions {
  /**
   * Sizes and md5 must be those of the official set (default). `false` takes any set in its binary format, of 1 to 50,000
   * images a file; labels are checked all the same.
   */
  readonly verify?: boolean;
}

/**
 * CIFAR-100's training and test set.
 * @param path a folder that holds `train.bin` and `test.bin`, or `cifar-100-binary/` with the two, or
 *   `cifar-100-binary.tar.gz`; or a `.tar.gz` or `.tar` file of any name
 * @throws DatasetError where there is no such file, or it isn't the set
 */
export function loadCifar100(path: string, options: LoadCifarOptions = {}): Promise<TrainTest> {
  return load(cifar100Format, path, options);
}

/**
 * CIFAR-10's training and test set.
 * @param path a folder that holds `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, or `cifar-10-batches-bin/`
 *   with them, or `cifar-10-binary.tar.gz`; or a `.tar.gz` or `.tar` file of any name
 * @throws DatasetError where there is no such file, or it isn't the set
 */
export function loadCifar10(path: string, options: LoadCifarOptions = {}): Promise<TrainTest> {
  return load(cifar10Format, path, options);
}

async function load(format: CifarFormat, path: string, { verify = true }: LoadCifarOptions) {
  const { id, files } = format;
  const { folder, archive } = await locate(format, path);
  const name = folder ?? archive;
  const digests = new Map(files.map((file) => [file.name, createHash("md5")]));
  const options = {
    verify,
    name,
    onFileBytes: (file: string, bytes: Uint8Array) => {
      if (verify) digests.get(file)?.update(bytes);
    },
  };
  const sets =
    folder === undefined
      ? await readCifarArchive(format, open(archive), options)
      : await readCifarFiles(
          format,
          files.map((file) => open(join(folder, file.name))),
          options,
        );
  for (const file of verify ? files : []) {
    const md5 = digests.get(file.name)?.digest("hex");
    if (md5 === file.md5) continue;
    throw new DatasetError(
      `[${id}] '${file.name}' in '${name}' must be the official file, of md5 ${file.md5}, but its md5 is ` +
        `${md5}; download it again, or pass { verify: false } for a set of your own in this format`,
    );
  }
  return sets;
}

/** What there is at `path`: the folder of the files, or an archive. */
async function locate(
  format: CifarFormat,
  path: string,
): Promise<
  | { readonly folder: string; readonly archive?: never }
  | { readonly folder?: never; readonly archive: string }
> {
  const { id, title, files, filesInWords } = format;
  const kind = await kindOf(path);
  if (kind === "file") return { archive: path };
  if (kind === "folder") {
    for (const folder of [path, join(path, format.folder)]) {
      const kinds = await Promise.all(files.map(({ name }) => kindOf(join(folder, name))));
      const has = files.filter((_, k) => kinds[k] === "file").map(({ name }) => name);
      if (has.length === files.length) return { folder };
      if (has.length === 0) continue;
      const lacks = files.map(({ name }) => name).filter((name) => !has.includes(name));
      throw new DatasetError(
        `[${id}] '${folder}' must hold ${filesInWords}, but has only ${has.join(", ")}; put ${lacks.join(", ")} ` +
          "of the same set there",
      );
    }
    const archive = join(path, format.archive.name);
    if ((await kindOf(archive)) === "file") return { archive };
  }
  throw new DatasetError(
    `[${id}] '${path}' must be a folder with ${filesInWords}, or ${format.archive.name}, but ` +
      `${kind === "folder" ? "the folder has neither" : "there is no such file"}; get the binary version of ${title}`,
  );
}

/** A file's chunks. Opened when first read from: a stream that's never read would keep its file open. */
async function* open(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path, { highWaterMark: 1 << 18 });
}

async function kindOf(path: string): Promise<"file" | "folder" | "nothing"> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ? "folder" : found?.isFile() ? "file" : "nothing";
}
