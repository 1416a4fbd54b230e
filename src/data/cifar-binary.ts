/**
 * CIFAR-100's binary format: records of 3,074 bytes, each a coarse label, a fine label and 32 x 32 pixels as three planes
 * (red, green, blue). Records are decoded while bytes arrive, each plane value going straight to its NHWC place, so a file
 * of 154 MB never exists beside the set made from it.
 */
import { coarseNames, coarseOfFine, fineNames } from "./class-names.ts";
import { DatasetError } from "./dataset-error.ts";

export type Split = "train" | "test";

/** Images and labels in the host's memory. */
export interface ImageSet {
  /** For people: "CIFAR-100 train". */
  readonly name: string;
  /** `[count, 32, 32, 3]`, 0 to 255. */
  readonly images: Uint8Array;
  /** Fine labels `[count]`, 0 to 99. */
  readonly labels: Uint8Array;
  /** Coarse labels `[count]`, 0 to 19. */
  readonly coarse: Uint8Array;
  readonly count: number;
  /** Names of the 100 fine labels. */
  readonly classes: readonly string[];
  /** Whether the images are drawn by `syntheticCifar100`. */
  readonly synthetic: boolean;
}

export interface TrainTest {
  readonly train: ImageSet;
  readonly test: ImageSet;
}

export interface FormatOptions {
  /** Only the official number of images will do, 50,000 and 10,000 (default). `false` takes any from 1 to 50,000. */
  readonly verify?: boolean;
  /** What errors call the file; default "train.bin" or "test.bin". */
  readonly name?: string;
}

const planeBytes = 32 * 32;
export const imageBytes = 3 * planeBytes;
export const recordBytes = 2 + imageBytes;
export const officialCount: Readonly<Record<Split, number>> = { train: 50_000, test: 10_000 };
const mostImages = 50_000;

/**
 * The set in the bytes of `train.bin` or `test.bin`.
 * @throws DatasetError for a wrong size or a label that doesn't exist
 */
export function parseCifar100(bytes: Uint8Array, which: Split, options: FormatOptions = {}): ImageSet {
  const decoder = new RecordDecoder(which, { ...options, size: bytes.length });
  decoder.push(bytes);
  return decoder.finish();
}

/** The bytes of `train.bin` or `test.bin` for `set`: the inverse of `parseCifar100`. */
export function encodeCifar100({ images, labels, coarse, count }: ImageSet): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count * recordBytes);
  for (let i = 0; i < count; i++) {
    const record = bytes.subarray(i * recordBytes, (i + 1) * recordBytes);
    record[0] = coarse[i] as number;
    record[1] = labels[i] as number;
    for (let p = 0; p < imageBytes; p++) {
      record[2 + (p % 3) * planeBytes + Math.floor(p / 3)] = images[i * imageBytes + p] as number;
    }
  }
  return bytes;
}

/** Decodes a file that arrives in chunks of any size. */
export class RecordDecoder {
  readonly #which: Split;
  readonly #file: string;
  readonly #verify: boolean;
  /** Images there is room for. */
  readonly #capacity: number;
  readonly #images: Uint8Array;
  readonly #labels: Uint8Array;
  readonly #coarse: Uint8Array;
  #count = 0;
  /** A record that began in one chunk and ends in a later one. */
  readonly #split = new Uint8Array(recordBytes);
  #splitBytes = 0;

  /** @param options `size`: the file's bytes, where they are known beforehand; a wrong size throws at once */
  constructor(which: Split, options: FormatOptions & { readonly size?: number } = {}) {
    const { verify = true, name = `${which}.bin`, size } = options;
    this.#which = which;
    this.#file = name;
    this.#verify = verify;
    if (size !== undefined) this.#checkSize(size);
    // Where the number of images isn't known, room for the most there can be: memory that is never written costs nothing.
    this.#capacity = verify ? officialCount[which] : size === undefined ? mostImages : size / recordBytes;
    this.#images = new Uint8Array(this.#capacity * imageBytes);
    this.#labels = new Uint8Array(this.#capacity);
    this.#coarse = new Uint8Array(this.#capacity);
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    if (this.#splitBytes > 0) {
      at = Math.min(recordBytes - this.#splitBytes, chunk.length);
      this.#split.set(chunk.subarray(0, at), this.#splitBytes);
      this.#splitBytes += at;
      if (this.#splitBytes < recordBytes) return;
      this.#decode(this.#split, 0);
      this.#splitBytes = 0;
    }
    for (; at + recordBytes <= chunk.length; at += recordBytes) this.#decode(chunk, at);
    this.#split.set(chunk.subarray(at));
    this.#splitBytes = chunk.length - at;
  }

  /** The set, once all bytes have been pushed. */
  finish(): ImageSet {
    const count = this.#count;
    this.#checkSize(count * recordBytes + this.#splitBytes);
    const trim = (array: Uint8Array, length: number) =>
      length < array.length ? array.slice(0, length) : array;
    return {
      name: `CIFAR-100 ${this.#which}`,
      images: trim(this.#images, count * imageBytes),
      labels: trim(this.#labels, count),
      coarse: trim(this.#coarse, count),
      count,
      classes: fineNames,
      synthetic: false,
    };
  }

  /** Labels and the 3 planes of the record at `from` of `bytes` become the next image. */
  #decode(bytes: Uint8Array, from: number): void {
    const index = this.#count;
    if (index === this.#capacity) throw this.#wrongSize("it goes on after that");
    const coarse = bytes[from] as number;
    const fine = bytes[from + 1] as number;
    this.#checkLabels(index, coarse, fine);
    this.#coarse[index] = coarse;
    this.#labels[index] = fine;
    const images = this.#images;
    let out = index * imageBytes;
    for (let red = from + 2, end = red + planeBytes; red < end; red++) {
      images[out++] = bytes[red] as number;
      images[out++] = bytes[red + planeBytes] as number;
      images[out++] = bytes[red + 2 * planeBytes] as number;
    }
    this.#count++;
  }

  #checkLabels(index: number, coarse: number, fine: number): void {
    const fail = (problem: string) =>
      new DatasetError(
        `[cifar100] '${this.#file}', image ${grouped(index)} (counted from 0): ${problem}; the file is damaged or of ` +
          "another format: download the binary version of CIFAR-100 again",
      );
    if (coarse >= coarseNames.length) throw fail(`the coarse label must be 0 to 19, but is ${coarse}`);
    if (fine >= fineNames.length) throw fail(`the fine label must be 0 to 99, but is ${fine}`);
    const right = coarseOfFine[fine] as number;
    if (coarse !== right) {
      const pair = `${right} (${coarseNames[right]}) for fine label ${fine} (${fineNames[fine]})`;
      throw fail(`the coarse label must be ${pair}, but is ${coarse}`);
    }
  }

  #checkSize(size: number): void {
    const count = size / recordBytes;
    const right = this.#verify
      ? count === officialCount[this.#which]
      : Number.isInteger(count) && count >= 1 && count <= mostImages;
    if (!right) throw this.#wrongSize(`got ${grouped(size)}`);
  }

  #wrongSize(found: string): DatasetError {
    const official = officialCount[this.#which];
    const expected = this.#verify
      ? `${grouped(official * recordBytes)} bytes (${grouped(official)} images of 3,074)`
      : "1 to 50,000 images of 3,074 bytes";
    const advice = this.#verify
      ? "it is truncated or another file: download the binary version of CIFAR-100 again, or pass " +
        "{ verify: false } for a set of your own in this format"
      : "it is truncated or of another format";
    return new DatasetError(`[cifar100] '${this.#file}' must be ${expected}, but ${found}; ${advice}`);
  }
}

function grouped(value: number): string {
  return value.toLocaleString("en-US");
}
