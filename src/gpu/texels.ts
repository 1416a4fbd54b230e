/**
 * Buffers that a kernel reads as textures, `read: { a: "texels" }`: copied before its launch, a vec4 a texel, and read by `a_at(index)`.
 *
 * lavapipe loads from a storage buffer lane by lane and component by component, each with a check of its bounds: 22 ns of a core for a vec4 in each of 8 lanes, 1.2 KB of machine
 * code. From a storage texture it takes a texel a lane and turns them in registers, in a function of its own: 9.5 ns. (A sampled texture has levels to choose from: 23. A store to a
 * texture takes 162 ns in place of a buffer's 17, so kernels go on writing buffers.) A copy takes 0.11 ms a MB on one core: what is read three times or more is worth it.
 */
import type { GpuInfo } from "./adapter.ts";
import type { BufferView } from "./buffers.ts";
import type { Errors } from "./errors.ts";
import { TextureUsage } from "./flags.ts";

/** Texels of a row: the width that every device has. */
const width = 8192;
const texelBytes = 16;
const rowBytes = width * texelBytes;
const format = "rgba32float";
/** Bindings of one kernel that are texels. */
const most = 2;

/** A larger buffer would take as much memory again. */
const mostBytes = 2 ** 28;

/** Whether the adapter reads these faster as texels than from their buffers; it's for the caller to know that they're read often. */
export function suitsTexels({ info }: { readonly info: GpuInfo }, ...views: readonly BufferView[]): boolean {
  // With 16 lanes lavapipe reads wrong texels.
  const prefers = /llvmpipe/i.test(info.description) && info.subgroupSize > 0 && info.subgroupSize <= 8;
  return prefers && views.every(({ byteLength }) => byteLength <= mostBytes);
}

/** The layout of a binding. */
export const texelLayout: GPUStorageTextureBindingLayout = { access: "read-only", format };

/** What a kernel declares for a binding. */
export const declareTexels = (name: string, binding: number): string =>
  `@group(0) @binding(${binding}) var ${name}: texture_storage_2d<${format}, read>;
fn ${name}_at(index: i32) -> quad { return textureLoad(${name}, vec2i(index & ${width - 1}, index >> ${Math.log2(width)}u)); }`;

export interface TexelTexture {
  readonly raw: GPUTexture;
  readonly view: GPUTextureView;
  readonly id: number;
}

/** The textures of a device: as many as a kernel reads, as large as the largest that was read so far. Commands run in order, so all share them. */
export class TexelTextures {
  #textures: readonly TexelTexture[] = [];
  #rows = 0;
  #nextId = 1;
  readonly #device: GPUDevice;
  readonly #errors: Errors;

  constructor(device: GPUDevice, errors: Errors) {
    this.#device = device;
    this.#errors = errors;
  }

  get bytes(): number {
    return this.#textures.length * this.#rows * rowBytes;
  }

  /** Those that hold any of these views. Smaller ones from before live as long as somebody refers to them. */
  holding(views: readonly BufferView[]): readonly TexelTexture[] {
    const rows = Math.max(0, ...views.map(({ byteLength }) => Math.ceil(byteLength / rowBytes)));
    if (rows > this.#rows) {
      this.#rows = rows;
      this.#textures = this.#errors.watch(() => Array.from({ length: most }, () => this.#create(rows)));
    }
    return this.#textures;
  }

  #create(rows: number): TexelTexture {
    const usage = TextureUsage.copyDestination | TextureUsage.storage;
    const raw = this.#device.createTexture({ label: "texels", size: [width, rows], format, usage });
    return { raw, view: raw.createView(), id: this.#nextId++ };
  }
}

/** Copies a buffer's bytes into a texture, row by row. */
export function copyTexels(
  encoder: GPUCommandEncoder,
  view: BufferView,
  { raw: texture }: TexelTexture,
): void {
  const { raw: buffer } = view.buffer;
  const texels = Math.ceil(view.byteLength / texelBytes);
  const [rows, rest] = [Math.floor(texels / width), texels % width];
  if (rows > 0) {
    const source = { buffer, offset: view.byteOffset, bytesPerRow: rowBytes };
    encoder.copyBufferToTexture(source, { texture }, [width, rows]);
  }
  if (rest > 0) {
    const source = { buffer, offset: view.byteOffset + rows * rowBytes };
    encoder.copyBufferToTexture(source, { texture, origin: [0, rows] }, [rest, 1]);
  }
}

/** Which buffer lies in which texture, along a list of commands. */
export class TexelPlan {
  readonly #held: { readonly texture: TexelTexture; view?: BufferView | undefined }[];

  constructor(textures: readonly TexelTexture[]) {
    this.#held = textures.map((texture) => ({ texture }));
  }

  /** The textures of a launch's views, in order; `copy` is called for those that aren't there yet. */
  place(
    views: readonly BufferView[],
    copy: (view: BufferView, texture: TexelTexture) => void,
  ): TexelTexture[] {
    const present = views.map((view) => this.#held.find((held) => held.view && isSame(held.view, view)));
    const free = this.#held.filter((held) => !present.includes(held));
    return views.map((view, k) => {
      const found = present[k];
      if (found) return found.texture;
      const held = free.shift();
      if (!held) throw new Error(`[gpu] a kernel reads more than ${most} buffers as texels`);
      held.view = view;
      copy(view, held.texture);
      return held.texture;
    });
  }

  /** What lies there has changed. */
  wrote(view: BufferView): void {
    for (const held of this.#held) if (held.view && overlap(held.view, view)) held.view = undefined;
  }
}

const overlap = (a: BufferView, b: BufferView) =>
  a.buffer === b.buffer &&
  a.byteOffset < b.byteOffset + b.byteLength &&
  b.byteOffset < a.byteOffset + a.byteLength;

function isSame(a: BufferView, b: BufferView): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset && a.byteLength === b.byteLength;
}
