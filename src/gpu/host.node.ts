/**
 * What differs between hosts: here Node, with Dawn from the `webgpu` package.
 *
 * Dawn's event loop hook polls a whole core while any of its promises is pending: half of a two-core machine, which a
 * software adapter computes on. So every wait goes through `waitQuietly`, which sleeps in each turn of the event loop: a millisecond (measured: up to twice the
 * throughput, at about 1.2 ms a wait), up to four while the wait isn't expected to end, since a poll stops a core's kernels for 60 us; a tenth of a
 * millisecond where a GPU computes.
 */
import { availableParallelism } from "node:os";
import type { GpuInfo } from "./adapter.ts";
import { chooseAdapter, listAdapters, loadDawn } from "./adapters.node.ts";

/** What to tell a user on whose machine Dawn finds no adapter. */
export const noAdapterAdvice =
  "Install a Vulkan driver: on Debian 12 'apt install -t bookworm-backports mesa-vulkan-drivers' (software, runs anywhere); " +
  "macOS and Windows need a GPU with Metal or Direct3D 12. In a checkout of wgrad, 'npm run setup' does it.";

// Dawn crashes when the object that `create` returned is garbage-collected while a device lives: so all are kept.
const instances = new Map<string, GPU>();

/**
 * Dawn's entry point.
 * @param wanted a part of an adapter's name, for an entry point that knows that adapter only
 * @throws Error that names the package when `webgpu` isn't installed, or the adapters when none has that name
 */
export async function openWebGpu(wanted?: string): Promise<GPU | undefined> {
  const dawn = await loadDawn();
  const choice = wanted === undefined ? undefined : chooseAdapter(await listAdapters(), wanted);
  if (typeof choice === "string") throw new Error(`[createGpu] ${choice}`);
  const only = choice ? [`backend=${choice.backend}`, `adapter=${choice.name}`] : [];
  const key = only.join();
  const known = instances.get(key);
  if (known) return known;
  // Subgroup operations sit behind the first switch; by the second, timestamps aren't rounded to 65 us.
  const instance = dawn.create([
    "enable-dawn-features=allow_unsafe_apis",
    "disable-dawn-features=timestamp_quantization",
    ...only,
  ]);
  instances.set(key, instance);
  return instance;
}

/** How many more devices may compile a list of kernels. Only lavapipe's are known to find what another compiled, in Mesa's cache. */
export function siblingCount({ description }: GpuInfo): number {
  const off = process.env.MESA_SHADER_CACHE_DISABLE ?? "";
  if (!description.includes("llvmpipe") || !/^(|0|no?|f(alse)?)$/i.test(off)) return 0;
  return Math.min(4, availableParallelism()) - 1;
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));
/** Milliseconds of a nap: at least, and at most while no wait is expected to end. */
const naps = { software: [1, 4], gpu: [0.1, 0.1] } as const;
let nap: readonly [least: number, most: number] = naps.software;
/** Each as the time when it's about to end. */
const waits = new Set<{ readonly due: number }>();
/** Of the last two waits, in milliseconds: the next one is expected to take as long as the shorter. */
let lasted: readonly [number, number] = [0, 0];
let ticking = false;

function tick(): void {
  ticking = waits.size > 0;
  if (!ticking) return;
  const [least, most] = nap;
  const left = Math.min(...Array.from(waits, ({ due }) => due)) - performance.now();
  Atomics.wait(sleeper, 0, 0, Math.min(Math.max(least, left), most));
  setImmediate(tick);
}

/** Waits for a device's promise, giving the polled core back, which a software adapter computes on, in the meantime. */
export async function waitQuietly<T>(promise: Promise<T>, { isSoftware }: GpuInfo): Promise<T> {
  const start = performance.now();
  const wait = { due: start + 0.95 * Math.min(...lasted) };
  waits.add(wait);
  nap = isSoftware ? naps.software : naps.gpu;
  if (!ticking) {
    ticking = true;
    setImmediate(tick);
  }
  try {
    return await promise;
  } finally {
    waits.delete(wait);
    lasted = [lasted[1], performance.now() - start];
  }
}
