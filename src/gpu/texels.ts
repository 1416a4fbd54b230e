/**
 * Buffers that a kernel reads as textures, `read: { a: "texels" }`: copied before its launch, a vec4 a texel, and read by `a_at(index)`.
 *
 * Only kernels for software Vulkan do, so how it's done is loaded with them: `texel-textures.ts`, which says why, too.
 */
import type { BufferView } from "./buffers.ts";
import type { KernelSource } from "./pipelines.ts";

/** Texels of a row: few, so that most tensors are whole rows, and one copy. */
export const texelsOfRow = 1024;
export const texelFormat = "rgba32float";

/** The layout of a binding. */
export const texelLayout: GPUStorageTextureBindingLayout = { access: "read-only", format: texelFormat };

/** What a kernel declares for a binding. */
export const declareTexels = (name: string, binding: number): string =>
  `@group(0) @binding(${binding}) var ${name}: texture_storage_2d<${texelFormat}, read>;
fn ${name}_at(index: i32) -> quad { return textureLoad(${name}, vec2i(index & ${texelsOfRow - 1}, index >> ${Math.log2(texelsOfRow)}u)); }`;

/** What a launch names and binds. */
export interface Launch {
  readonly kernel: KernelSource;
  readonly views: readonly BufferView[];
}

/** What a launch binds: a range of a buffer, or a texture in its place. */
export interface Resource extends Omit<BufferView, "buffer"> {
  readonly buffer: Omit<BufferView["buffer"], "id"> & { readonly id: number | string };
  readonly texture?: GPUTextureView;
}

/** Encodes a copy. */
export type TexelCopy = (
  source: GPUTexelCopyBufferInfo,
  target: GPUTexelCopyTextureInfo,
  size: [number, number],
) => void;

/** What holds a device's texels. */
export interface Texels {
  readonly bytes: number;
  /** Makes room for these launches, before the first of them. */
  begin(launches: readonly Launch[]): void;
  /** Keeps what these launches bind, which are given again. @returns what is called when they won't be given any more */
  hold(launches: readonly Launch[]): () => void;
  /** What the next launch binds; `copy` is called for texels that aren't in a texture yet. */
  place(launch: Launch, copy: TexelCopy): readonly Resource[];
  /** What lies there has changed. */
  wrote(view: BufferView): void;
  /** Frees the textures, or leaves them to the recordings that hold them. */
  forget(): void;
}

type Maker = new (device: GPUDevice, flush: () => void) => Texels;
let maker: Maker | undefined;

/** Loads how it's done, for all devices. */
export function provideTexels(textures: Maker): void {
  maker = textures;
}

/** A device's texels; nothing where no kernel reads any. @param flush submits what may refer to a texture that is to be freed */
export const makeTexels = (device: GPUDevice, flush: () => void): Texels | undefined =>
  maker && new maker(device, flush);
