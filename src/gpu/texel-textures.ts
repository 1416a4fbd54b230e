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
/** Giving the commands for a copy takes 14 us, which less never saves. Larger small launches don't gain either, but need no kernels of their own. */
const leastBytes = 2 ** 15;

/** Whether the adapter reads these faster as texels than from their buffers; it's for the caller to know that they're read often. */
export function suitsTexels({ info }: { readonly info: GpuInfo }, ...views: readonly BufferView[]): boolean {
  // With 16 lanes lavapipe reads wrong texels.
  const prefers = /llvmpipe/i.test(info.description) && info.subgroupSize > 0 && info.subgroupSize <= 8;
  const sizes = views.map(({ byteLength }) => byteLength);
  const all = sizes.reduce((sum, bytes) => sum + bytes, 0);
  return prefers && Math.max(...sizes) <= mostBytes && all >= leastBytes;
}

/** What a recording keeps at most in textures of its own. */
const mostKeptBytes = 2 ** 26;

interface Held {
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
  readonly bytes: number;
  /** Identifies the texture in cache keys. */
  readonly id: string;
  /** The only one that is copied there. */
  readonly only: BufferView | undefined;
  what: BufferView | undefined;
}

const isTexels = ({ kernel }: Launch, binding: number) => kernel.access[binding] === "texels";

const rowsOf = ({ byteLength }: BufferView) => Math.ceil(byteLength / rowBytes);

/** Rows of the largest that a launch reads. */
const mostRows = (launch: Launch) =>
  Math.max(0, ...launch.views.map((view, k) => (isTexels(launch, k) ? rowsOf(view) : 0)));

/** What launches read again, unchanged, when others have read something else since. */
function readAgain(launches: readonly Launch[]): BufferView[] {
  const unchanged: { readonly view: BufferView; last: number }[] = [];
  const again: BufferView[] = [];
  for (const [index, launch] of launches.entries()) {
    for (const [k, view] of launch.views.entries()) {
      if (!isTexels(launch, k)) continue;
      const known = unchanged.find((each) => isSame(each.view, view));
      if (known && known.last < index - 1 && !again.some((each) => isSame(each, view))) again.push(view);
      if (known) known.last = index;
      else unchanged.push({ view, last: index });
    }
    for (const [k, view] of launch.views.entries()) {
      if (isTexels(launch, k) || launch.kernel.access[k] === "read") continue;
      const changed = unchanged.filter((each) => overlap(each.view, view));
      for (const each of changed) unchanged.splice(unchanged.indexOf(each), 1);
    }
  }
  return again;
}

/** Textures that were made together, for all launches that don't need larger ones. */
interface Generation {
  readonly held: readonly Held[];
  readonly rows: number;
  /** How many recordings bind them. */
  users: number;
}

/**
 * The textures of a device: as many as a kernel reads, as large as the largest that was read so far. Launches run in order, so all share them, and two launches in a row that read the
 * same share the copy. Where larger ones are needed, smaller ones are freed with the last recording that binds them: left to the garbage collector they'd pile up, since the bind
 * groups that the command stream keeps refer to them.
 *
 * What a recording reads again later, as backward reads what forward did, has a texture of its own: a third of what a VGG step of quarter width copies otherwise, 94 MB.
 */
export class TexelTextures implements Texels {
  #current: Generation | undefined;
  /** Of the launches that are being placed. */
  #kept: readonly Held[] = [];
  #keptBytes = 0;
  readonly #generations = new Set<Generation>();
  #made = 0;
  readonly #device: GPUDevice;
  readonly #flush: () => void;

  constructor(device: GPUDevice, flush: () => void) {
    this.#device = device;
    this.#flush = flush;
  }

  get bytes(): number {
    const shared = [...this.#generations].flatMap(({ held }) => held);
    return this.#keptBytes + bytesOf(shared);
  }

  get #held(): readonly Held[] {
    return [...this.#kept, ...(this.#current?.held ?? [])];
  }

  begin(launches: readonly Launch[]): void {
    this.#drop(this.#kept);
    this.#kept = this.#keep(launches);
    const rows = launches.reduce((most, launch) => Math.max(most, mostRows(launch)), 0);
    if (rows > (this.#current?.rows ?? 0)) {
      this.forget();
      this.#current = { held: [0, 1].map(() => this.#create(rows)), rows, users: 0 };
      this.#generations.add(this.#current);
    }
    for (const held of this.#held) held.what = undefined;
  }

  hold(launches: readonly Launch[]): () => void {
    const generation = launches.some((launch) => mostRows(launch) > 0) ? this.#current : undefined;
    if (!generation) return () => {};
    const kept = this.#kept;
    this.#kept = [];
    generation.users += 1;
    return () => {
      this.#flush();
      this.#drop(kept);
      generation.users -= 1;
      if (generation !== this.#current) this.#free(generation);
    };
  }

  /** Textures for what the launches read again. */
  #keep(launches: readonly Launch[]): readonly Held[] {
    const kept: Held[] = [];
    for (const view of readAgain(launches)) {
      const bytes = rowsOf(view) * rowBytes;
      if (bytesOf(kept) + bytes <= mostKeptBytes) kept.push(this.#create(rowsOf(view), view));
    }
    this.#keptBytes += bytesOf(kept);
    return kept;
  }

  #drop(kept: readonly Held[]): void {
    for (const { texture } of kept) texture.destroy();
    this.#keptBytes -= bytesOf(kept);
  }

  #create(rows: number, only?: BufferView): Held {
    const texture = this.#device.createTexture({
      label: "texels",
      size: [texelsOfRow, rows],
      format: texelFormat,
      usage: TextureUsage.copyDestination | TextureUsage.storage,
    });
    const id = `texels${++this.#made}`;
    return { texture, view: texture.createView(), bytes: rows * rowBytes, id, only, what: undefined };
  }

  #free(generation: Generation): void {
    if (generation.users > 0) return;
    this.#flush();
    for (const { texture } of generation.held) texture.destroy();
    this.#generations.delete(generation);
  }

  place(launch: Launch, copy: TexelCopy): Resource[] {
    const { kernel, views } = launch;
    const present = views.map((view, k) =>
      isTexels(launch, k) ? this.#held.find(({ what }) => what && isSame(what, view)) : undefined,
    );
    const free = this.#held.filter((held) => !held.only && !present.includes(held));
    return views.map((view, k) => {
      const access = kernel.access[k];
      if (access !== "texels") {
        if (access !== "read") this.wrote(view);
        return view;
      }
      const own = this.#kept.find(({ only }) => only && isSame(only, view));
      const held = present[k] ?? own ?? free.shift();
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
    if (this.#current) this.#free(this.#current);
    this.#current = undefined;
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

const bytesOf = (held: readonly Held[]) => held.reduce((sum, { bytes }) => sum + bytes, 0);

const overlap = (a: BufferView, b: BufferView) =>
  a.buffer === b.buffer &&
  a.byteOffset < b.byteOffset + b.byteLength &&
  b.byteOffset < a.byteOffset + a.byteLength;

const isSame = (a: BufferView, b: BufferView) =>
  a.buffer === b.buffer && a.byteOffset === b.byteOffset && a.byteLength === b.byteLength;
