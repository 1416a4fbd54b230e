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
export function suitsTexels(
  { info }: { readonly info: GpuInfo },
  ...views: readonly Pick<BufferView, "byteLength">[]
): boolean {
  // With 16 lanes lavapipe reads wrong texels.
  const prefers = /llvmpipe/i.test(info.description) && info.subgroupSize > 0 && info.subgroupSize <= 8;
  const sizes = views.map(({ byteLength }) => byteLength);
  const all = sizes.reduce((sum, bytes) => sum + bytes, 0);
  return prefers && Math.max(...sizes) <= mostBytes && all >= leastBytes;
}

/** What a recording keeps at most of what it reads again. */
const mostKeptBytes = 2 ** 26;

interface Texture {
  readonly raw: GPUTexture;
  readonly view: GPUTextureView;
  readonly rows: number;
  /** Identifies it in cache keys. */
  readonly id: string;
  /** How many recordings bind it. */
  users: number;
}

/** What a texture holds. */
interface Held {
  readonly texture: Texture;
  /** The only view that is copied there, if it's for one. */
  readonly reservedFor?: BufferView;
  what?: BufferView | undefined;
}

const isTexels = ({ kernel }: Launch, binding: number) => kernel.access[binding] === "texels";

const rowsOf = ({ byteLength }: BufferView) => Math.ceil(byteLength / rowBytes);

/** Rows of the largest that a launch reads. */
const mostRows = (launch: Launch) =>
  Math.max(0, ...launch.views.map((view, k) => (isTexels(launch, k) ? rowsOf(view) : 0)));

/** What launches read as texels again, unchanged, when others have read something else as texels since; as much as is to be kept. */
function readAgain(launches: readonly Launch[]): BufferView[] {
  const unchanged: { readonly view: BufferView; last: number }[] = [];
  const again: BufferView[] = [];
  let reader = 0; // launches that read texels, up to here
  for (const launch of launches) {
    if (launch.kernel.access.includes("texels")) reader += 1;
    for (const [k, view] of launch.views.entries()) {
      if (!isTexels(launch, k)) continue;
      const known = unchanged.find((each) => isSame(each.view, view));
      if (known && known.last < reader - 1 && !again.some((each) => isSame(each, view))) again.push(view);
      if (known) known.last = reader;
      else unchanged.push({ view, last: reader });
    }
    for (const [k, view] of launch.views.entries()) {
      if (isTexels(launch, k) || launch.kernel.access[k] === "read") continue;
      const changed = unchanged.filter((each) => overlap(each.view, view));
      for (const each of changed) unchanged.splice(unchanged.indexOf(each), 1);
    }
  }
  let bytes = 0;
  return again.filter((view) => {
    const more = rowsOf(view) * rowBytes;
    if (bytes + more > mostKeptBytes) return false;
    bytes += more;
    return true;
  });
}

/**
 * The textures of a device: as many as a kernel reads, as large as the largest that was read so far. Launches run in order, so all share them, and two launches in a row that read the
 * same share the copy. Where larger ones are needed, smaller ones are freed with the last recording that binds them: left to the garbage collector they'd pile up, since the bind
 * groups that the command stream keeps refer to them.
 *
 * What a recording reads again later, as backward reads what forward did, has a texture to itself while the recording runs: a third of what a VGG step of quarter width copies otherwise, 94 MB.
 * Recordings run in order, too, and share these.
 */
export class TexelTextures implements Texels {
  /** For all launches that don't need larger ones. */
  #shared: readonly Held[] = [];
  /** For what the launches that are being placed read again. */
  #reserved: readonly Held[] = [];
  /** All that there are: the shared ones, those before them that recordings bind, and those that views are reserved. */
  readonly #textures = new Set<Texture>();
  readonly #reservable = new Set<Texture>();
  #made = 0;
  readonly #device: GPUDevice;
  readonly #flush: () => void;

  constructor(device: GPUDevice, flush: () => void) {
    this.#device = device;
    this.#flush = flush;
  }

  get bytes(): number {
    return [...this.#textures].reduce((sum, { rows }) => sum + rows * rowBytes, 0);
  }

  get #held(): readonly Held[] {
    return [...this.#reserved, ...this.#shared];
  }

  begin(launches: readonly Launch[]): void {
    this.#reserved = [];
    this.#freeUnused();
    this.#reserved = this.#reserve(readAgain(launches));
    const rows = launches.reduce((most, launch) => Math.max(most, mostRows(launch)), 0);
    if (rows > (this.#shared[0]?.texture.rows ?? 0)) {
      this.forget();
      this.#shared = [0, 1].map(() => ({ texture: this.#create(rows) }));
    }
    for (const held of this.#held) held.what = undefined;
  }

  hold(launches: readonly Launch[]): () => void {
    if (!launches.some((launch) => mostRows(launch) > 0)) return () => {};
    const textures = this.#held.map(({ texture }) => texture);
    this.#reserved = [];
    for (const texture of textures) texture.users += 1;
    return () => {
      for (const texture of textures) texture.users -= 1;
      this.#freeUnused();
    };
  }

  /** Textures for views, the largest first, each the smallest that is there and large enough. */
  #reserve(views: readonly BufferView[]): readonly Held[] {
    const free = new Set(this.#reservable);
    return [...views]
      .sort((a, b) => rowsOf(b) - rowsOf(a))
      .map((view) => {
        const fitting = [...free].filter(({ rows }) => rows >= rowsOf(view)).sort((a, b) => a.rows - b.rows);
        const texture = fitting[0] ?? this.#create(rowsOf(view));
        free.delete(texture);
        this.#reservable.add(texture);
        return { texture, reservedFor: view };
      });
  }

  #create(rows: number): Texture {
    const raw = this.#device.createTexture({
      label: "texels",
      size: [texelsOfRow, rows],
      format: texelFormat,
      usage: TextureUsage.copyDestination | TextureUsage.storage,
    });
    const texture = { raw, view: raw.createView(), rows, id: `texels${++this.#made}`, users: 0 };
    this.#textures.add(texture);
    return texture;
  }

  #freeUnused(): void {
    const kept = new Set(this.#held.map(({ texture }) => texture));
    const unused = [...this.#textures].filter((texture) => texture.users === 0 && !kept.has(texture));
    if (unused.length > 0) this.#flush();
    for (const texture of unused) {
      texture.raw.destroy();
      this.#textures.delete(texture);
      this.#reservable.delete(texture);
    }
  }

  place(launch: Launch, copy: TexelCopy): Resource[] {
    const { kernel, views } = launch;
    const present = views.map((view, k) =>
      isTexels(launch, k) ? this.#held.find(({ what }) => what && isSame(what, view)) : undefined,
    );
    const free = this.#shared.filter((held) => !present.includes(held));
    return views.map((view, k) => {
      const access = kernel.access[k];
      if (access !== "texels") {
        if (access !== "read") this.wrote(view);
        return view;
      }
      const reserved = this.#reserved.find(({ reservedFor }) => reservedFor && isSame(reservedFor, view));
      const held = present[k] ?? reserved ?? free.shift();
      if (!held) throw new Error(`[${kernel.label}] reads more than two buffers as texels`);
      if (!present[k]) copyInto(held.texture.raw, view, copy);
      held.what = view;
      return {
        buffer: { ...view.buffer, raw: view.buffer.raw, id: held.texture.id },
        byteOffset: 0,
        byteLength: 0,
        texture: held.texture.view,
      };
    });
  }

  forget(): void {
    this.#shared = [];
    this.#freeUnused();
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
