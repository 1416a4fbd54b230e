/** Gathers batch after batch along an order that lies on the GPU, with the position beside it. */
import { gatherBatch } from "../kernels/gather.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Batch, GpuImages } from "./gpu-images.ts";

export class BatchSource {
  readonly #set: GpuImages;
  readonly #order: Tensor;
  readonly #position: Tensor;

  /** @param order indices of images; after its end it begins again */
  constructor(set: GpuImages, order: Uint32Array<ArrayBuffer>, position: number) {
    const { gpu } = set;
    this.#set = set;
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
    gatherBatch(gpu.device, {
      chunks,
      allLabels,
      order: this.#order,
      orderLength: this.#order.size,
      position: this.#position,
      table,
      batch: count,
      imageWords: (shape[0] * shape[1] * shape[2]) / 4,
      channels: shape[2],
      images,
      labels,
    });
    return { images, labels, count };
  }
}
