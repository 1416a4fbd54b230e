/** Destroys devices, its own and an application's, and prints what is left of them. */
import { add, createGpu } from "wgrad";
import { openDevice } from "../../../src/gpu/adapter.ts";

const gpu = await createGpu();
const { lost } = gpu.device.raw;
gpu.tensor([1]);
gpu.destroy();
gpu.destroy();
let afterDestroy = "";
try {
  gpu.tensor([1]);
} catch (error) {
  afterDestroy = error instanceof Error ? error.message : "";
}
const { reason } = await lost;

const device = await openDevice({});
const first = await createGpu({ device });
await add(first.tensor([1]), 1).item();
first.destroy();
const alive = new Promise((resolve) => setTimeout(() => resolve("alive"), 200));
const ownDevice = await Promise.race([device.lost.then(() => "lost"), alive]);
const second = await createGpu({ device });
const value = await add(second.tensor([1]), 2).item();
second.destroy();
device.destroy();
console.log(JSON.stringify({ afterDestroy, lostReason: reason, ownDevice, second: value }));
