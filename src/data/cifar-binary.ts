/**
 * CIFAR's binary format: records of one or two label bytes and 32 x 32 pixels as three planes (red, green, blue). Records are
 * decoded while bytes arrive, each plane value going straight to its NHWC place, so a file of 154 MB never exists beside the
 * set made from it.
 */
import {
  type CifarFile,
  type CifarFormat,
  cifar100Format,
  imageBytes,
  recordBytes,
  type Split,
} from "./cifar-format.ts";
import { DatasetError } from "./dataset-error.ts";

/** Images and labels in the host's memory. */
export interface ImageSet {
  /** For people: "CIFAR-100 train". */
  readonly name: string;
  /** `[count, 32, 32, 3]`, 0 to 255. */
  readonly images: Uint8Array;
  /** `[count]`, 0 to `classes.length - 1`; CIFAR-100's are the fine ones. */
  readonly labels: Uint8Array;
  /** CIFAR-100's coarse labels `[count]`, 0 to 19; empty for a set without superclasses. */
  readonly coarse: Uint8Array;
  readonly count: number;
  /** Names of the classes. */
  readonly classes: readonly string[];
  /** Whether the images are drawn by `syntheticCifar100`. */
  readonly synthetic: boolean;
}

/** A training and a test set in the host's memory. */
export interface TrainTest {
  readonly train: ImageSet;
  readonly test: ImageSet;
}

export interface FormatOptions {
  /** Only the official number of images will do (default). `false` takes any from 1 to 50,000 a file. */
  readonly verify?: boolean;
  /** What errors call the file; its official name by default. */
  readonly name?: string;
}

const planeBytes = imageBytes / 3;
const mostImages = 50_000;

/**
 * The set in the bytes of CIFAR-100's `train.bin` or `test.bin`.
 * @throws DatasetError for a wrong size or a label that doesn't exist
 */
export function parseCifar100(bytes: Uint8Array, which: Split, options: FormatOptions = {}): ImageSet {
  const file = cifar100Format.files.find(({ split }) => split === which) as CifarFile;
  const decoder = new RecordDecoder(cifar100Format, file, { ...options, size: bytes.length });
  decoder.push(bytes);
  return decoder.finish();
}

/** The bytes of `train.bin` or `test.bin` for `set`: the inverse of `parseCifar100`. */
export function encodeCifar100(set: ImageSet): Uint8Array<ArrayBuffer> {
  return encodeRecords(cifar100Format, set);
}

/** The records of a set, as its format's files hold them. */
export function encodeRecords(
  format: CifarFormat,
  { images, labels, coarse, count }: ImageSet,
): Uint8Array<ArrayBuffer> {
  const { labelBytes } = format;
  const size = recordBytes(format);
  const bytes = new Uint8Array(count * size);
  for (let i = 0; i < count; i++) {
    const record = bytes.subarray(i * size, (i + 1) * size);
    if (labelBytes === 2) record[0] = coarse[i] as number;
    record[labelBytes - 1] = labels[i] as number;
    for (let p = 0; p < imageBytes; p++) {
      record[labelBytes + (p % 3) * planeBytes + Math.floor(p / 3)] = images[i * imageBytes + p] as number;
    }
  }
  return bytes;
}

/** The images of several files one after another. */
export function joinSets(sets: readonly ImageSet[]): ImageSet {
  const [first] = sets;
  if (first === undefined) throw new RangeError("[data] there must be a set to join");
  if (sets.length === 1) return first;
  return {
    ...first,
    images: joined(sets.map(({ images }) => images)),
    labels: joined(sets.map(({ labels }) => labels)),
    coarse: joined(sets.map(({ coarse }) => coarse)),
    count: sets.reduce((sum, { count }) => sum + count, 0),
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Decodes a file that arrives in chunks of any size. */
export class RecordDecoder {
  readonly #format: CifarFormat;
  readonly #official: CifarFile;
  readonly #file: string;
  readonly #verify: boolean;
  /** Images there is room for. */
  readonly #capacity: number;
  readonly #images: Uint8Array;
  readonly #labels: Uint8Array;
  readonly #coarse: Uint8Array;
  readonly #recordBytes: number;
  #count = 0;
  /** A record that began in one chunk and ends in a later one. */
  readonly #split: Uint8Array;
  #splitBytes = 0;

  /** @param options `size`: the file's bytes, where they are known beforehand; a wrong size throws at once */
  constructor(
    format: CifarFormat,
    file: CifarFile,
    options: FormatOptions & { readonly size?: number } = {},
  ) {
    const { verify = true, name = file.name, size } = options;
    this.#format = format;
    this.#official = file;
    this.#file = name;
    this.#verify = verify;
    this.#recordBytes = recordBytes(format);
    this.#split = new Uint8Array(this.#recordBytes);
    if (size !== undefined) this.#checkSize(size);
    // Where the number of images isn't known, room for the most there can be: memory that is never written costs nothing.
    this.#capacity = verify ? file.count : size === undefined ? mostImages : size / this.#recordBytes;
    this.#images = new Uint8Array(this.#capacity * imageBytes);
    this.#labels = new Uint8Array(this.#capacity);
    this.#coarse = new Uint8Array(format.labelBytes === 2 ? this.#capacity : 0);
  }

  push(chunk: Uint8Array): void {
    const size = this.#recordBytes;
    let at = 0;
    if (this.#splitBytes > 0) {
      at = Math.min(size - this.#splitBytes, chunk.length);
      this.#split.set(chunk.subarray(0, at), this.#splitBytes);
      this.#splitBytes += at;
      if (this.#splitBytes < size) return;
      this.#decode(this.#split, 0);
      this.#splitBytes = 0;
    }
    for (; at + size <= chunk.length; at += size) this.#decode(chunk, at);
    this.#split.set(chunk.subarray(at));
    this.#splitBytes = chunk.length - at;
  }

  /** The set, once all bytes have been pushed. */
  finish(): ImageSet {
    const count = this.#count;
    this.#checkSize(count * this.#recordBytes + this.#splitBytes);
    const trim = (array: Uint8Array, length: number) =>
      length < array.length ? array.slice(0, length) : array;
    return {
      name: `${this.#format.title} ${this.#official.split}`,
      images: trim(this.#images, count * imageBytes),
      labels: trim(this.#labels, count),
      coarse: trim(this.#coarse, count),
      count,
      classes: this.#format.classes,
      synthetic: false,
    };
  }

  /** Labels and the 3 planes of the record at `from` of `bytes` become the next image. */
  #decode(bytes: Uint8Array, from: number): void {
    const index = this.#count;
    if (index === this.#capacity) throw this.#wrongSize("it goes on after that");
    const { labelBytes } = this.#format;
    const first = bytes[from] as number;
    const label = bytes[from + labelBytes - 1] as number;
    this.#checkLabels(index, label, first);
    if (labelBytes === 2) this.#coarse[index] = first;
    this.#labels[index] = label;
    const images = this.#images;
    let out = index * imageBytes;
    for (let red = from + labelBytes, end = red + planeBytes; red < end; red++) {
      images[out++] = bytes[red] as number;
      images[out++] = bytes[red + planeBytes] as number;
      images[out++] = bytes[red + 2 * planeBytes] as number;
    }
    this.#count++;
  }

  #checkLabels(index: number, label: number, first: number): void {
    const problem = this.#format.checkLabels(label, first);
    if (problem === undefined) return;
    const { id, title } = this.#format;
    throw new DatasetError(
      `[${id}] '${this.#file}', image ${grouped(index)} (counted from 0): ${problem}; the file is damaged or of ` +
        `another format: download the binary version of ${title} again`,
    );
  }

  #checkSize(size: number): void {
    const count = size / this.#recordBytes;
    const right = this.#verify
      ? count === this.#official.count
      : Number.isInteger(count) && count >= 1 && count <= mostImages;
    if (!right) throw this.#wrongSize(`got ${grouped(size)}`);
  }

  #wrongSize(found: string): DatasetError {
    const { id, title } = this.#format;
    const { count } = this.#official;
    const record = grouped(this.#recordBytes);
    const expected = this.#verify
      ? `${grouped(count * this.#recordBytes)} bytes (${grouped(count)} images of ${record})`
      : `1 to 50,000 images of ${record} bytes`;
    const advice = this.#verify
      ? `it is truncated or another file: download the binary version of ${title} again, or pass ` +
        "{ verify: false } for a set of your own in this format"
      : "it is truncated or of another format";
    return new DatasetError(`[${id}] '${this.#file}' must be ${expected}, but ${found}; ${advice}`);
  }
}

function grouped(value: number): string {
  return value.toLocaleString("en-US");
}
