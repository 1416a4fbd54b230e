/** One GPU for all tests of the process: opening a device in a test's body has crashed Dawn, and compiled kernels are reused. */
import { afterAll } from "vitest";
import { createGpu } from "wgrad";

export const gpu = await createGpu();

afterAll(async () => {
  await gpu.idle();
});
