/**
 * The textures that hold what kernels read as texels, on lavapipe.
 *
 * lavapipe loads from a storage buffer lane by lane and component by component, each with a check of its bounds: 22 ns of a core for a vec4 in each of 8 lanes, 1.2 KB of machine
 * code. From a storage texture it takes a texel a lane and turns them in registers, in a function of its own: 9.5 ns. (A sampled texture has levels to choose from: 23. A store to a
 * texture takes 162 ns in place of a buffer's 17, so kernels go on writing buffers.) A copy takes 0.11 ms a MB on one core: what is read three times or more is worth it.
 */
import type { GpuInfo } from "./adapter.ts";
import type { BufferView } from "./buffers.ts";
import { TextureUsage } from "./flags.ts";
import {
  type Launch,
  type Resource,
  type TexelCopy,
  type Texels,
  texelFormat,
  texelsOfRow,
} from "./texels.ts";

const texelBytes = 16;
const rowBytes = texelsOfRow * texelBytes;
/** As many rows as every device's textures have. */
const mostBytes = 8192 * rowBytes;
/** Below that, giving the commands for a copy takes as long as it saves: 14 us. */
const leastBytes = 2 ** 18;

/** Whether the adapter reads these faster as texels than from their buffers; it's for the caller to know that they're read often. */
export function suitsTexels({ info }: { readonly info: GpuInfo }, ...views: readonly BufferView[]): boolean {
  // With 16 lanes lavapipe reads wrong texels.
  const prefers = /llvmpipe/i.test(info.description) && info.subgroupSize > 0 && info.subgroupSize <= 8;
  const sizes = views.map(({ byteLength }) => byteLength);
  const all = sizes.reduce((sum, bytes) => sum + bytes, 0);
  return prefers && Math.max(...sizes) <= mostBytes && all >= leastBytes;
}

interface Held {
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
  /** Identifies the texture in cache keys. */
  readonly id: string;
  what: BufferView | undefined;
}

const isTexels = ({ kernel }: Launch, binding: number) => kernel.access[binding] === "texels";

/**
 * The textures of a device: as many as a kernel reads, as large as the largest that was read so far. Launches run in order, so all share them, and two launches in a row that read the
 * same share the copy.
 */
export class TexelTextures implements Texels {
  #held: readonly Held[] = [];
  #rows = 0;
  #made = 0;
  readonly #device: GPUDevice;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get bytes(): number {
    return this.#held.length * this.#rows * rowBytes;
  }

  /** Smaller textures from before live as long as somebody refers to them. */
  begin(launches: readonly Launch[]): void {
    const rows = launches.flatMap((launch) =>
      launch.views.map(({ byteLength }, k) => (isTexels(launch, k) ? Math.ceil(byteLength / rowBytes) : 0)),
    );
    const most = Math.max(this.#rows, ...rows);
    const isLarger = most > this.#rows;
    this.#rows = most;
    this.#held = isLarger ? [0, 1].map(() => this.#create()) : this.#held;
    for (const held of this.#held) held.what = undefined;
  }

  #create(): Held {
    const texture = this.#device.createTexture({
      label: "texels",
      size: [texelsOfRow, this.#rows],
      format: texelFormat,
      usage: TextureUsage.copyDestination | TextureUsage.storage,
    });
    return { texture, view: texture.createView(), id: `texels${++this.#made}`, what: undefined };
  }

  place(launch: Launch, copy: TexelCopy): Resource[] {
    const { kernel, views } = launch;
    const present = views.map((view, k) =>
      isTexels(launch, k) ? this.#held.find(({ what }) => what && isSame(what, view)) : undefined,
    );
    const free = this.#held.filter((held) => !present.includes(held));
    return views.map((view, k) => {
      const access = kernel.access[k];
      if (access !== "texels") {
        if (access !== "read") this.wrote(view);
        return view;
      }
      const held = present[k] ?? free.shift();
      if (!held) throw new Error(`[${kernel.label}] reads more than two buffers as texels`);
      if (!present[k]) copyInto(held.texture, view, copy);
      held.what = view;
      return {
        buffer: { ...view.buffer, raw: view.buffer.raw, id: held.id },
        byteOffset: 0,
        byteLength: 0,
        texture: held.view,
      };
    });
  }

  forget(): void {
    this.#held = [];
    this.#rows = 0;
  }

  wrote(view: BufferView): void {
    for (const held of this.#held) if (held.what && overlap(held.what, view)) held.what = undefined;
  }
}

function copyInto(
  texture: GPUTexture,
  { buffer: { raw: buffer }, byteOffset, byteLength }: BufferView,
  copy: TexelCopy,
) {
  const texels = Math.ceil(byteLength / texelBytes);
  const [rows, rest] = [Math.floor(texels / texelsOfRow), texels % texelsOfRow];
  if (rows > 0) copy({ buffer, offset: byteOffset, bytesPerRow: rowBytes }, { texture }, [texelsOfRow, rows]);
  if (rest > 0)
    copy({ buffer, offset: byteOffset + rows * rowBytes }, { texture, origin: [0, rows] }, [rest, 1]);
}

const overlap = (a: BufferView, b: BufferView) =>
  a.buffer === b.buffer &&
  a.byteOffset < b.byteOffset + b.byteLength &&
  b.byteOffset < a.byteOffset + a.byteLength;

const isSame = (a: BufferView, b: BufferView) =>
  a.buffer === b.buffer && a.byteOffset === b.byteOffset && a.byteLength === b.byteLength;
