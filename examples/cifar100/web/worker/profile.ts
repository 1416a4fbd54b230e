/** Where the time of a training step goes: a step of a fresh model on a GPU of its own, so that no run's bits are touched. */
import { type Gpu, noGrad, softmaxCrossEntropy } from "wgrad";
import { ModulePaths, profileStep, totals } from "../../../../bench/profile.ts";
import { makeModel } from "../../plan.ts";
import type { Settings } from "../../recipes.ts";
import type { Profile } from "../protocol.ts";

export async function profileTraining(gpu: Gpu, settings: Settings, classes: number): Promise<Profile> {
  const { batch } = settings;
  const model = makeModel(gpu, settings, classes);
  const images = noGrad(() => gpu.zeros([batch, 32, 32, 3]).keep());
  const labels = gpu.tensor(new Int32Array(batch)).keep();
  const paths = new ModulePaths();
  paths.watch(model);
  const step = () =>
    gpu.scope(() => {
      const logits = model.forward(images, { training: true });
      paths.at("loss", () => softmaxCrossEntropy(logits, labels)).backward();
    });
  await gpu.precompile(step); // so that no time is a compiler's
  const timings = await profileStep(gpu.device, paths, step);
  return {
    method: gpu.device.raw.features.has("timestamp-query") ? "timestamps" : "waiting",
    batch,
    kernels: totals(timings, ({ kernel }) => kernel).map(([kernel, ms, launches]) => ({
      kernel,
      ms,
      launches,
    })),
    modules: totals(timings, ({ path }) => path).map(([path, ms, launches]) => ({ path, ms, launches })),
  };
}
