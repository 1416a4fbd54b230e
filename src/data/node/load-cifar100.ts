/** CIFAR-100 from disk. Files are streamed, and their md5 is computed on the way: node:crypto has it, web crypto hasn't. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { TrainTest } from "../cifar-binary.ts";
import { readCifar100 } from "../cifar-source.ts";
import { DatasetError } from "../dataset-error.ts";

export interface LoadCifar100Options {
  /**
   * Sizes and md5 must be those of the official set (default). `false` takes any set in its binary format, of 1 to 50,000
   * images; labels are checked all the same.
   */
  readonly verify?: boolean;
}

const officialMd5 = {
  train: "6172c7755cfe09b2fe270c85cebc1b15",
  test: "4499cfba6c016c1be1438163640a0898",
} as const;

/**
 * The training and the test set.
 * @param path a folder that holds `train.bin` and `test.bin`, or `cifar-100-binary/` with the two, or
 *   `cifar-100-binary.tar.gz`; or a `.tar.gz` or `.tar` file of any name
 * @throws DatasetError where there is no such file, or it isn't the set
 */
export async function loadCifar100(
  path: string,
  { verify = true }: LoadCifar100Options = {},
): Promise<TrainTest> {
  const { folder, archive } = await locate(path);
  const name = folder ?? archive;
  const digests = { train: createHash("md5"), test: createHash("md5") };
  const sets = await readCifar100(
    folder === undefined
      ? open(archive)
      : { train: open(join(folder, "train.bin")), test: open(join(folder, "test.bin")) },
    { verify, name, onFileBytes: (file, bytes) => verify && digests[file].update(bytes) },
  );
  if (verify) {
    for (const file of ["train", "test"] as const) {
      const md5 = digests[file].digest("hex");
      if (md5 === officialMd5[file]) continue;
      throw new DatasetError(
        `[cifar100] '${file}.bin' in '${name}' must be the official file, of md5 ${officialMd5[file]}, but its md5 is ` +
          `${md5}; download it again, or pass { verify: false } for a set of your own in this format`,
      );
    }
  }
  return sets;
}

/** What there is at `path`: the folder of the two files, or an archive. */
async function locate(
  path: string,
): Promise<
  | { readonly folder: string; readonly archive?: never }
  | { readonly folder?: never; readonly archive: string }
> {
  const kind = await kindOf(path);
  if (kind === "file") return { archive: path };
  if (kind === "folder") {
    for (const folder of [path, join(path, "cifar-100-binary")]) {
      const train = await kindOf(join(folder, "train.bin"));
      const test = await kindOf(join(folder, "test.bin"));
      if (train === "file" && test === "file") return { folder };
      if (train === "file" || test === "file") {
        const [has, lacks] = train === "file" ? ["train.bin", "test.bin"] : ["test.bin", "train.bin"];
        throw new DatasetError(
          `[cifar100] '${folder}' must hold train.bin and test.bin, but has only ${has}; put ${lacks} of the same set there`,
        );
      }
    }
    const archive = join(path, "cifar-100-binary.tar.gz");
    if ((await kindOf(archive)) === "file") return { archive };
  }
  throw new DatasetError(
    `[cifar100] '${path}' must be a folder with train.bin and test.bin, or cifar-100-binary.tar.gz, but ` +
      `${kind === "folder" ? "the folder has neither" : "there is no such file"}; get the binary version of CIFAR-100`,
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
