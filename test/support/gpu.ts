/** One GPU for all tests of the process: opening a device in a test's body has crashed Dawn, and compiled kernels are reused. */
import { afterAll } from "vitest";
import { createGpu } from "wgrad";

export const gpu = await createGpu();

// A browser whose GPU process dies goes on, and some promises of a lost device resolve as if nothing had happened.
let loss: string | undefined;
gpu.device.raw.lost.then(({ message }) => {
  loss = message;
});

afterAll(async () => {
  await gpu.idle();
  if (loss !== undefined) throw new Error(`the device was lost: ${loss}`);
});
