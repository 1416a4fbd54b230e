/**
 * Labelled images on the GPU, as bytes: a batch is gathered and normalised there, so a step uploads nothing.
 *
 * A set is kept in chunks of whole images, each below the adapter's binding limit.
 */
import { normalizationTable, type PixelChunk } from "../kernels/gather.ts";
import type { Gpu } from "../tensor/gpu.ts";
import { kindOf } from "../tensor/kind.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { BatchSource } from "./batches.ts";
import { ShuffledBatches, type ShuffledOptions } from "./shuffled-batches.ts";

/** Labelled images in the host's memory. */
export interface ImageArrays {
  /** Bytes `[count, height, width, channels]`, row-major. */
  readonly images: Uint8Array;
  /** `[count]`, 0 to `classes - 1`. */
  readonly labels: ArrayLike<number>;
  /** `[height, width, channels]`; `[32, 32, 3]` by default. Their product must be a multiple of 4. */
  readonly shape?: readonly [number, number, number];
  /** Names of the classes, or their number. */
  readonly classes: readonly string[] | number;
  /** For people; "images" by default. */
  readonly name?: string;
  /** Whether the images are drawn and not photographed: reports say so. */
  readonly synthetic?: boolean;
}

/** How many images to use, and how bytes become numbers: `(byte / 255 - mean) / std`. */
export interface UploadOptions {
  /** Use the first `limit` images only. */
  readonly limit?: number;
  /** Subtracted from each channel of byte / 255; 0 by default. */
  readonly mean?: readonly number[];
  /** Divides each channel after that; 1 by default. */
  readonly std?: readonly number[];
  /** Most bytes of a chunk; the adapter's binding limit by default. */
  readonly chunkBytes?: number;
}

/** A batch: both tensors go with the scope that it was gathered in. */
export interface Batch {
  /** f32 `[count, height, width, channels]`, `(byte / 255 - mean) / std`, augmented where asked. */
  readonly images: Tensor;
  /** i32 `[count]`. */
  readonly labels: Tensor;
  readonly count: number;
}

const uploadBytes = 2 ** 24;

/** One pass over a set. */
export interface PassInOrder {
  /** Images of the next batch; 0 at the end. */
  readonly size: number;
  /** The GPU's half: gathers the next batch. `advance` must follow. */
  gather(size: number): Batch;
  /** The host's half. */
  advance(): void;
}

/** Labelled images that lie on the GPU. Make them with `data.fromArrays` or `data.cifar100`. */
export class GpuImages {
  readonly gpu: Gpu;
  readonly name: string;
  readonly count: number;
  /** `[height, width, channels]`. */
  readonly shape: readonly [number, number, number];
  /** How many classes there are. */
  readonly classCount: number;
  /** Names of the classes; empty where only their number is known. */
  readonly classNames: readonly string[];
  readonly synthetic: boolean;
  /** @internal */
  readonly chunks: readonly (PixelChunk & { readonly pixels: Tensor })[];
  /** @internal */
  readonly labels: Tensor;
  /** @internal */
  readonly table: Tensor;

  /** @throws Error for images, labels or options that don't fit together */
  constructor(gpu: Gpu, arrays: ImageArrays, options: UploadOptions = {}) {
    const { shape = [32, 32, 3], classes, labels } = arrays;
    const imageBytes = shape[0] * shape[1] * shape[2];
    check(arrays, imageBytes, options);
    this.gpu = gpu;
    this.name = arrays.name ?? "images";
    this.shape = shape;
    this.classCount = typeof classes === "number" ? classes : classes.length;
    this.classNames = typeof classes === "number" ? [] : classes;
    this.synthetic = arrays.synthetic ?? false;
    this.count = Math.min(labels.length, options.limit ?? labels.length);
    const used = Array.from({ length: this.count }, (_, k) => labels[k] ?? -1);
    const wrong = used.findIndex(
      (label) => !(Number.isInteger(label) && label >= 0 && label < this.classCount),
    );
    if (wrong >= 0) {
      throw new Error(
        `[data] label ${used[wrong]} of image ${wrong} isn't among the ${this.classCount} classes of '${this.name}'`,
      );
    }
    this.labels = gpu.tensor(Int32Array.from(used), [this.count], { name: "labels of the data set" }).keep();
    const { mean = shape3(shape, 0), std = shape3(shape, 1) } = options;
    const table = normalizationTable(mean, std);
    this.table = gpu.tensor(table, [table.length], { name: "normalization" }).keep();
    this.chunks = upload(gpu, arrays.images, imageBytes, this.count, options.chunkBytes);
  }

  /** Batches of one size without end, in a new order every epoch. */
  shuffled(options: ShuffledOptions): ShuffledBatches {
    return new ShuffledBatches(this, options);
  }

  /**
   * One pass in order: each call gathers the next batch; the last one is smaller where `batch` doesn't divide the count, and
   * there is none after it.
   */
  inOrder(batch: number): () => Batch | undefined {
    const pass = this.passInOrder(batch);
    return () => {
      const { size } = pass;
      if (size === 0) return undefined;
      pass.advance();
      return pass.gather(size);
    };
  }

  /** `inOrder` in two halves, so that a recorded step can replay the GPU's. @internal */
  passInOrder(batch: number): PassInOrder {
    if (!Number.isSafeInteger(batch) || batch < 1)
      throw new Error(`[data] 'batch' must be a positive integer, but got ${batch}`);
    const order = Uint32Array.from({ length: this.count }, (_, k) => k);
    const source = new BatchSource(this, order, 0);
    let left = this.count;
    return {
      get size() {
        return Math.min(batch, left);
      },
      gather: (size) => source.gather(size),
      advance: () => {
        left -= Math.min(batch, left);
      },
    };
  }
}

/** A training and a test set on one GPU. */
export interface DataSet {
  readonly train: GpuImages;
  readonly test: GpuImages;
}

function shape3(shape: readonly number[], value: number): number[] {
  return Array.from({ length: shape[2] ?? 1 }, () => value);
}

function check(arrays: ImageArrays, imageBytes: number, options: UploadOptions): void {
  const { images, labels, shape = [32, 32, 3], name = "images" } = arrays;
  if (imageBytes % 4 !== 0 || !shape.every((extent) => Number.isSafeInteger(extent) && extent > 0)) {
    throw new Error(
      `[data] an image must have a multiple of 4 bytes, but [${shape.join(", ")}] has ${imageBytes}; pad its width`,
    );
  }
  if (images?.BYTES_PER_ELEMENT !== 1)
    throw new Error(
      `[data] 'images' must be bytes, a Uint8Array, but got ${kindOf(images)}; multiply values of 0 to 1 by 255`,
    );
  if (labels.length === 0) throw new Error(`[data] '${name}' is empty`);
  if (images.byteLength !== labels.length * imageBytes) {
    throw new Error(
      `[data] ${labels.length} labels need ${labels.length * imageBytes} bytes of images [${shape.join(", ")}], ` +
        `but 'images' has ${images.byteLength}`,
    );
  }
  const { limit, mean, std } = options;
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) {
    throw new Error(`[data] 'limit' must be a positive integer, but got ${limit}`);
  }
  for (const [key, list] of Object.entries({ mean, std })) {
    if (list && !(list.length === shape[2] && list.every(Number.isFinite)))
      throw new Error(`[data] '${key}' must have ${shape[2]} finite values, one a channel, but got ${list}`);
  }
  if (std?.some((value) => !(value > 0))) throw new Error(`[data] 'std' must be positive, but got ${std}`);
}

function upload(
  gpu: Gpu,
  images: Uint8Array,
  imageBytes: number,
  count: number,
  most = Math.min(gpu.device.limits.maxBufferSize, gpu.device.limits.maxStorageBufferBindingSize),
): (PixelChunk & { readonly pixels: Tensor })[] {
  const perChunk = Math.floor(most / imageBytes);
  if (perChunk === 0)
    throw new Error(`[data] an image of ${imageBytes} bytes is larger than a chunk of ${most}`);
  // In slices: Dawn keeps a copy of what is being written.
  const perWrite = Math.max(1, Math.floor(uploadBytes / imageBytes));
  const chunks: (PixelChunk & { readonly pixels: Tensor })[] = [];
  for (let first = 0; first < count; first += perChunk) {
    const inChunk = Math.min(perChunk, count - first);
    const pixels = gpu.empty([(inChunk * imageBytes) / 4], "u32").keep();
    for (let at = 0; at < inChunk; at += perWrite) {
      const n = Math.min(perWrite, inChunk - at);
      const from = images.byteOffset + (first + at) * imageBytes;
      const slice = new Uint8Array(images.buffer, from, n * imageBytes);
      const target = { buffer: pixels.buffer, byteOffset: at * imageBytes, byteLength: n * imageBytes };
      gpu.device.write(target, slice);
    }
    chunks.push({ pixels, first, count: inChunk });
  }
  return chunks;
}
