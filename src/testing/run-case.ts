/** Runs a kernel case on a device: outputs prefilled with NaN, guard words around them. */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import type { HostValues, KernelCase, ReferenceValues } from "../kernels/cases.ts";
import { loadSoftwareKernels, loadWinogradKernels } from "../kernels/loading.ts";

const guardWord = 0x7fc0dead;
const guardBytes = 256;

export interface CaseResult {
  readonly outputs: Readonly<Record<string, HostValues>>;
  /** Names of the buffers around which something was written. */
  readonly overrun: readonly string[];
}

interface GuardedBuffer {
  readonly whole: BufferView;
  readonly inner: BufferView;
}

export async function runCase(device: Device, kernelCase: KernelCase): Promise<CaseResult> {
  await loadSoftwareKernels();
  await loadWinogradKernels();
  const inputs = kernelCase.inputs();
  const buffers = new Map<string, GuardedBuffer>();
  for (const [name, data] of Object.entries(inputs)) buffers.set(name, guarded(device, name, data));
  for (const [name, count] of Object.entries(kernelCase.outputs)) {
    if (!buffers.has(name))
      buffers.set(name, guarded(device, name, new Float32Array(count).fill(Number.NaN)));
  }
  const views = Object.fromEntries([...buffers].map(([name, { inner }]) => [name, inner]));
  kernelCase.launch(device, views);

  const outputs: Record<string, HostValues> = {};
  const overrun: string[] = [];
  for (const [name, { whole, inner }] of buffers) {
    const bytes = await device.read(whole);
    const words = new Uint32Array(bytes);
    const innerWords = Math.ceil(inner.byteLength / 16) * 4;
    const outside = [...words.subarray(0, guardBytes / 4), ...words.subarray(guardBytes / 4 + innerWords)];
    if (outside.some((word) => word !== guardWord)) overrun.push(name);
    if (!(name in kernelCase.outputs)) continue;
    const type = kernelCase.types?.[name];
    const ArrayType = type === "i32" ? Int32Array : type === "u32" ? Uint32Array : Float32Array;
    outputs[name] = new ArrayType(bytes, guardBytes, inner.byteLength / 4);
  }
  for (const { whole } of buffers.values()) device.release(whole);
  return { outputs, overrun };
}

function guarded(device: Device, name: string, data: HostValues): GuardedBuffer {
  const padded = Math.ceil(data.byteLength / 16) * 16;
  const words = new Uint32Array((2 * guardBytes + padded) / 4).fill(guardWord);
  words.set(new Uint32Array(data.buffer, data.byteOffset, data.length), guardBytes / 4);
  const whole = device.allocate(words.byteLength, name);
  device.write(whole, words);
  return {
    whole,
    inner: { buffer: whole.buffer, byteOffset: guardBytes, byteLength: data.byteLength },
  };
}

/** The first place where an output is further from the reference than the case tolerates, in words; undefined if none is. */
export function firstError(
  kernelCase: KernelCase,
  outputs: ReferenceValues,
  expected: ReferenceValues,
): string | undefined {
  for (const [name, reference] of Object.entries(expected)) {
    const output = outputs[name];
    if (!output || output.length !== reference.length)
      return `output '${name}' has ${output?.length} elements`;
    const finite = Array.from(reference).filter(Number.isFinite);
    const largest = finite.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const allowed = kernelCase.tolerance === "exact" ? 0 : kernelCase.tolerance.relative * largest;
    for (let k = 0; k < reference.length; k++) {
      const want = reference[k] ?? 0;
      const got = output[k] ?? Number.NaN;
      const isRight = Number.isFinite(want) ? Math.abs(got - want) <= allowed : Object.is(got, want);
      if (!isRight)
        return `output '${name}'[${k}] is ${got}, the reference ${want}, allowed error ${allowed}`;
    }
  }
  return undefined;
}
