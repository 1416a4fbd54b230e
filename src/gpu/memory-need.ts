/** What a step would need, known before it runs. */
import type { Device } from "./device.ts";
import { planMemory, total } from "./memory-plan.ts";
import { lifetimesOf } from "./recording.ts";

/**
 * The bytes that a recording of `step` would plan beside the memory that exists. The step is traced: nothing of it is executed, nor
 * allocated, save what it leaves behind.
 * @throws MemoryError if the adapter has no buffers of a size that the step needs
 */
export function plannedBytes(device: Device, step: () => void): number {
  const { trace } = device.trace(false, step);
  const shared = [...lifetimesOf(trace)].flatMap(([{ isReleased }, lifetime]) =>
    isReleased ? [lifetime] : [],
  );
  device.settle(trace);
  device.releaseDeferred(trace);
  return total(planMemory(shared).sizes);
}
