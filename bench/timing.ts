/**
 * Times GPU work from the host. A launch is repeated until a sample is long against what submitting and waiting cost (about
 * a millisecond) and against a browser's clock; the median of several samples is quoted, since machines are noisy.
 */
import type { Device } from "../src/gpu/device.ts";

export interface SampleOptions {
  readonly samples?: number;
  /** The least milliseconds of one sample. */
  readonly leastMs?: number;
  /** About what all samples may take: slow launches get fewer, in the end only the first one. */
  readonly mostMs?: number;
}

/** Milliseconds per launch, one number a sample, after a launch that compiles and warms up. */
export async function sample(
  device: Device,
  launch: () => void,
  { samples = 7, leastMs = 40, mostMs = Number.POSITIVE_INFINITY }: SampleOptions = {},
): Promise<number[]> {
  const warmUp = await timed(device, launch, 1);
  if (warmUp > mostMs) return [warmUp];
  const first = await timed(device, launch, 1);
  const repeats = Math.max(1, Math.min(1000, Math.ceil(leastMs / first)));
  const affordable = Math.max(1, Math.floor(mostMs / (repeats * first)));
  const times: number[] = [];
  for (let k = 0; k < Math.min(samples, affordable); k++) times.push(await timed(device, launch, repeats));
  return times;
}

async function timed(device: Device, launch: () => void, repeats: number): Promise<number> {
  const start = performance.now();
  for (let k = 0; k < repeats; k++) launch();
  await device.idle();
  return (performance.now() - start) / repeats;
}

export function medianOf(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Half the distance between the quartiles, relative to the median. */
export function spreadOf(values: readonly number[]): number {
  return (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / medianOf(values);
}

function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = fraction * (sorted.length - 1);
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}
