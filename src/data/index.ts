/** `data`: images on the GPU and the batches made from them; CIFAR-10, CIFAR-100 and a synthetic stand-in. @module */
import type { Gpu } from "../tensor/gpu.ts";
import type { ByteSource } from "./bytes.ts";
import type { TrainTest } from "./cifar-binary.ts";
import type { ReadCifarOptions } from "./cifar-source.ts";
import { type DataSet, GpuImages, type ImageArrays, type UploadOptions } from "./gpu-images.ts";

export { type Augmentation, type AugmentOptions, augment } from "./augment.ts";
export type { ByteSource } from "./bytes.ts";
export type { ImageSet, TrainTest } from "./cifar-binary.ts";
export { DatasetError } from "./dataset-error.ts";
export type { Batch, DataSet, GpuImages, ImageArrays, UploadOptions } from "./gpu-images.ts";
export type { DataPosition, ShuffledBatches, ShuffledOptions } from "./shuffled-batches.ts";
export { type ChannelStatistics, channelStatistics } from "./statistics.ts";
export { type SyntheticOptions, syntheticCifar100 } from "./synthetic.ts";
export { type TranslateOptions, translate } from "./translate.ts";

/** How many images to use, and how their bytes become numbers. */
export interface CifarOptions extends ReadCifarOptions, Omit<UploadOptions, "limit"> {
  /** Use the first images of the training set only. */
  readonly trainLimit?: number;
  /** Use the first images of the test set only. */
  readonly testLimit?: number;
}

/** Where CIFAR-100 comes from: the archive, its two files, or a set in memory such as `syntheticCifar100()`. */
export type Cifar100Source =
  | ByteSource
  | { readonly train: ByteSource; readonly test: ByteSource }
  | TrainTest;

/** Where CIFAR-10 comes from: the archive, its six files, or a set in memory. */
export type Cifar10Source =
  | ByteSource
  | { readonly train: readonly ByteSource[]; readonly test: ByteSource }
  | TrainTest;

/**
 * CIFAR-100 with its fine labels, on the GPU as bytes. Batches are f32 `[N, 32, 32, 3]` in 0 to 1, unless `mean` and `std` say otherwise.
 * @param source a `.tar.gz` or `.tar` as bytes or stream, the contents of `train.bin` and `test.bin`, or a set in memory.
 *   `wgrad/node` has `loadCifar100`, which reads a folder or an archive
 * @throws DatasetError for anything that isn't the set, naming the file, what was expected and what to do
 */
export async function cifar100(
  gpu: Gpu,
  source: Cifar100Source,
  options: CifarOptions = {},
): Promise<DataSet> {
  return upload(
    gpu,
    isLoaded(source) ? source : await (await readers()).readCifar100(source, options),
    options,
  );
}

/**
 * CIFAR-10, as `cifar100`.
 * @param source a `.tar.gz` or `.tar` as bytes or stream, the contents of `data_batch_1.bin` to `data_batch_5.bin` and of
 *   `test_batch.bin`, or a set in memory. `wgrad/node` has `loadCifar10`, which reads a folder or an archive
 * @throws DatasetError for anything that isn't the set, naming the file, what was expected and what to do
 */
export async function cifar10(gpu: Gpu, source: Cifar10Source, options: CifarOptions = {}): Promise<DataSet> {
  return upload(
    gpu,
    isLoaded(source) ? source : await (await readers()).readCifar10(source, options),
    options,
  );
}

/** What reads archives: a browser whose images come from elsewhere doesn't load it. */
const readers = () => import("./cifar-source.ts");

function upload(gpu: Gpu, { train, test }: TrainTest, options: CifarOptions): DataSet {
  const { trainLimit, testLimit, ...rest } = options;
  return {
    train: fromArrays(gpu, train, { ...rest, ...(trainLimit !== undefined && { limit: trainLimit }) }),
    test: fromArrays(gpu, test, { ...rest, ...(testLimit !== undefined && { limit: testLimit }) }),
  };
}

/**
 * Any labelled images, on the GPU as bytes.
 * @throws Error for images, labels or options that don't fit together, or a label that names no class
 */
export function fromArrays(gpu: Gpu, arrays: ImageArrays, options: UploadOptions = {}): GpuImages {
  return new GpuImages(gpu, arrays, options);
}

function isLoaded(source: Cifar10Source | Cifar100Source): source is TrainTest {
  return "train" in source && "images" in source.train && "labels" in source.train;
}
