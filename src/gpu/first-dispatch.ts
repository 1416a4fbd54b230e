/**
 * Has a software driver compile kernels to machine code, which it does only at a kernel's first dispatch: each gets one
 * workgroup on scratch buffers, with parameters of zero.
 *
 * lavapipe compiles in the thread of the device's queue, so a device keeps one core busy. What it compiled lies in a cache on
 * disk that all devices share. So where a list takes longer than a moment, siblings are opened, for that time only, and take
 * kernels from it too, those with the longest source first; the device then dispatches what they compiled, which takes it some
 * 10 ms a kernel. Where the cache can't be written it compiles these itself, and is no later than it would have been alone.
 */
import { siblingCount } from "#host";
import { openSibling } from "./adapter.ts";
import { Device } from "./device.ts";
import type { KernelSource } from "./pipelines.ts";

/** Longer than all of VGG takes from a warm cache, 0.1 s. */
const alone = 300;

/**
 * @param kernels whose pipelines the device has
 * @param finished called for each as soon as the device can run it
 */
export async function dispatchFirst(
  device: Device,
  kernels: readonly KernelSource[],
  finished: (kernel: KernelSource) => void,
  open = () => openSiblings(device),
): Promise<void> {
  const waiting = [...kernels].sort((a, b) => a.source.length - b.source.length);
  const compiledElsewhere: KernelSource[] = [];

  const ownPart = async () => {
    for (;;) {
      const kernel = compiledElsewhere.pop() ?? waiting.pop();
      if (!kernel) return;
      await dispatchOnce(device, kernel);
      finished(kernel);
    }
  };
  const partOf = async (sibling: Device) => {
    for (let kernel = waiting.pop(); kernel; kernel = waiting.pop()) {
      try {
        await sibling.pipelines.prepare(kernel);
        await dispatchOnce(sibling, kernel);
      } finally {
        compiledElsewhere.push(kernel);
      }
    }
  };

  const own = ownPart().finally(() => {
    waiting.length = 0; // after an error nothing more is needed
  });
  const late = new Promise((resolve) => setTimeout(resolve, alone));
  await Promise.race([own, late]);
  const siblings = waiting.length > 1 ? await open() : [];
  try {
    // A sibling that fails goes; the device meets what is wrong with the kernel, if anything, and reports it.
    await Promise.allSettled(siblings.map(partOf));
    await own;
    await ownPart();
  } finally {
    for (const sibling of siblings) sibling.destroy();
  }
}

async function dispatchOnce(device: Device, kernel: KernelSource): Promise<void> {
  // Not from the pool: in a profile, what is free there may still be needed by commands that are to be executed.
  const buffers = kernel.access.map(() => device.pool.create(256, "precompile scratch"));
  const views = buffers.map((buffer) => ({ buffer, byteOffset: 0, byteLength: 256 }));
  const uniform = kernel.uniform ? device.uniforms.find(new Uint32Array(64)) : undefined;
  device.stream.directly(() => device.stream.dispatch({ kernel, views, uniform, groups: [1, 1] }));
  await device.idle();
  for (const buffer of buffers) device.pool.destroy(buffer);
}

/** Other devices of the same adapter; none where they can't be had. */
async function openSiblings({ info, raw }: Device): Promise<Device[]> {
  const siblings: Device[] = [];
  try {
    while (siblings.length < siblingCount(info)) siblings.push(new Device(await openSibling(raw), true));
  } catch {
    // Then there are fewer.
  }
  return siblings;
}
