/** What differs between hosts: here the browser, which brings its own `navigator.gpu` and event loop. */
import type { GpuInfo } from "./adapter.ts";

/** What to tell a user whose browser offers no WebGPU adapter. */
export const noAdapterAdvice =
  "Use a browser with WebGPU (Chrome or Edge 113+, Safari 26+, Firefox 141+) and check that hardware acceleration is on.";

/** The browser's WebGPU entry point, or `undefined` where it has none. @throws Error for a wanted adapter: a browser chooses itself */
export async function openWebGpu(wanted?: string): Promise<GPU | undefined> {
  if (wanted !== undefined) {
    throw new Error(
      "[createGpu] a browser opens no adapter by its name; leave out 'adapter' and give 'powerPreference' instead",
    );
  }
  return navigator.gpu;
}

/** How many more devices may compile a list of kernels: a browser compiles in parallel itself. */
export function siblingCount(_: GpuInfo): number {
  return 0;
}

/** Waits for a device's promise. A browser doesn't poll, so there is nothing to throttle. */
export function waitQuietly<T>(promise: Promise<T>, _: GpuInfo): Promise<T> {
  return promise;
}
