/** Gathers batch after batch along an order that lies on the GPU, with the position beside it. */
import { gatherAugmented } from "../kernels/augment.ts";
import { gatherBatch } from "../kernels/gather.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { EpochDraws } from "./augment.ts";
import type { Batch, GpuImages } from "./gpu-images.ts";

export class BatchSource {
  readonly #set: GpuImages;
  readonly #order: Tensor;
  readonly #position: Tensor;
  readonly #draws: EpochDraws | undefined;

  /**
   * @param order indices of images; after its end it begins again
   * @param draws augments the images
   */
  constructor(set: GpuImages, order: Uint32Array<ArrayBuffer>, position: number, draws?: EpochDraws) {
    const { gpu } = set;
    this.#set = set;
    this.#draws = draws;
    this.#order = gpu.tensor(order, [order.length], { name: "order of the images" }).keep();
    this.#position = gpu.tensor(new Uint32Array([position]), [1], { name: "position in the order" }).keep();
  }

  /** Replaces the part of the order that begins at `from`, after the work given so far. */
  replace(from: number, part: Uint32Array<ArrayBuffer>): void {
    const { buffer, byteOffset } = this.#order;
    const target = { buffer, byteOffset: byteOffset + 4 * from, byteLength: part.byteLength };
    this.#set.gpu.device.write(target, part);
  }

  /** The next `count` images; the position moves on, on the GPU. */
  gather(count: number): Batch {
    const { gpu, shape, chunks, labels: allLabels, table } = this.#set;
    const images = gpu.empty([count, ...shape]);
    const labels = gpu.empty([count], "i32");
    const common = {
      chunks,
      allLabels,
      order: this.#order,
      orderLength: this.#order.size,
      position: this.#position,
      table,
      batch: count,
      images,
      labels,
    };
    const draws = this.#draws;
    if (draws) {
      const { augmentation, seed, epochs } = draws;
      const views = draws.views(count);
      gatherAugmented(gpu.device, { ...common, ...augmentation, shape, seed, epochs, views });
      views.claim.release("shuffled batches");
    } else {
      const [height, width, channels] = shape;
      gatherBatch(gpu.device, { ...common, imageWords: (height * width * channels) / 4, channels });
    }
    return { images, labels, count };
  }
}
