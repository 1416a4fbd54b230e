/**
 * What CIFAR-10 and CIFAR-100 differ in: files, label bytes, classes. Both are records of label bytes and 32 x 32 pixels as
 * three planes (red, green, blue); their home page, https://www.cs.toronto.edu/~kriz/cifar.html, describes them and lists the
 * archives' md5. The md5 of the files inside were taken from the archives.
 */
import { coarseNames, fineNames, tenNames } from "./class-names.ts";
import { coarseOfFine } from "./coarse-of-fine.ts";

export type Split = "train" | "test";

export interface CifarFile {
  readonly name: string;
  readonly split: Split;
  /** Images in the official file. */
  readonly count: number;
  readonly md5: string;
}

export interface CifarFormat {
  /** What errors start with. */
  readonly id: "cifar10" | "cifar100";
  readonly title: string;
  readonly archive: { readonly name: string; readonly md5: string };
  /** The archive's folder. */
  readonly folder: string;
  /** Training files in their order, then the test file. */
  readonly files: readonly CifarFile[];
  /** The files in words. */
  readonly filesInWords: string;
  /** Bytes before the pixels; the last one is the label that is trained on. */
  readonly labelBytes: 1 | 2;
  /** What a record of these label bytes is wrong in. @returns undefined if nothing */
  readonly checkLabels: (label: number, first: number) => string | undefined;
  /** Names of the classes. */
  readonly classes: readonly string[];
  /** What a member's name says about an archive that isn't this set. */
  readonly otherSets: readonly (readonly [RegExp, string])[];
}

const planeBytes = 32 * 32;
export const imageBytes = 3 * planeBytes;

/** Two files; a coarse label, then the fine one. */
export const cifar100Format: CifarFormat = {
  id: "cifar100",
  title: "CIFAR-100",
  archive: { name: "cifar-100-binary.tar.gz", md5: "03b5dce01913d631647c71ecec9e9cb8" },
  folder: "cifar-100-binary",
  files: [
    { name: "train.bin", split: "train", count: 50_000, md5: "6172c7755cfe09b2fe270c85cebc1b15" },
    { name: "test.bin", split: "test", count: 10_000, md5: "4499cfba6c016c1be1438163640a0898" },
  ],
  filesInWords: "train.bin and test.bin",
  labelBytes: 2,
  classes: fineNames,
  checkLabels: (fine, coarse) => {
    if (coarse >= coarseNames.length) return `the coarse label must be 0 to 19, but is ${coarse}`;
    if (fine >= fineNames.length) return `the fine label must be 0 to 99, but is ${fine}`;
    const right = coarseOfFine[fine] as number;
    if (coarse === right) return undefined;
    const pair = `${right} (${coarseNames[right]}) for fine label ${fine} (${fineNames[fine]})`;
    return `the coarse label must be ${pair}, but is ${coarse}`;
  },
  otherSets: [
    [/cifar-100-python\//, "the Python version of CIFAR-100"],
    [/cifar-10-batches-/, "CIFAR-10"],
  ],
};

/** Six files of 10,000 images; one label. */
export const cifar10Format: CifarFormat = {
  id: "cifar10",
  title: "CIFAR-10",
  archive: { name: "cifar-10-binary.tar.gz", md5: "c32a1d4ab5d03f1284b67883e8d87530" },
  folder: "cifar-10-batches-bin",
  files: [
    tenThousand("data_batch_1.bin", "train", "5dd7e06a14cb22eb9f671a540d1b7c25"),
    tenThousand("data_batch_2.bin", "train", "5ea93a67294ea407fff1d09f752e9692"),
    tenThousand("data_batch_3.bin", "train", "942cd6a4bcdd0dd3c604fbe906cb4421"),
    tenThousand("data_batch_4.bin", "train", "ae636b3ba5c66a11e91e8cb52e771fcb"),
    tenThousand("data_batch_5.bin", "train", "53f37980c15c3d472c316c40844f3f0d"),
    tenThousand("test_batch.bin", "test", "803d5f7f4d78ea53de84dbe85f74fb6d"),
  ],
  filesInWords: "data_batch_1.bin to data_batch_5.bin and test_batch.bin",
  labelBytes: 1,
  classes: tenNames,
  checkLabels: (label) =>
    label >= tenNames.length ? `the label must be 0 to 9, but is ${label}` : undefined,
  otherSets: [
    [/cifar-10-batches-py\//, "the Python version of CIFAR-10"],
    [/cifar-10-batches-mat\//, "the Matlab version of CIFAR-10"],
    [/cifar-100-/, "CIFAR-100"],
  ],
};

export const cifarFormats = { cifar10: cifar10Format, cifar100: cifar100Format } as const;

/** Bytes of a record. */
export function recordBytes({ labelBytes }: CifarFormat): number {
  return labelBytes + imageBytes;
}

/** Where the archive is to be had, from its authors (Krizhevsky, 2009). */
export function officialAddress({ archive }: CifarFormat): string {
  return `https://www.cs.toronto.edu/~kriz/${archive.name}`;
}

function tenThousand(name: string, split: Split, md5: string): CifarFile {
  return { name, split, count: 10_000, md5 };
}
