/** Where the time of a training step goes: a step of a fresh model on a GPU of its own, so that no run's bits are touched. */
import { type Gpu, noGrad, type ProfileTotal, softmaxCrossEntropy } from "wgrad";
import { makeModel } from "../../plan.ts";
import type { Settings } from "../../recipes.ts";
import type { Profile } from "../protocol.ts";

export async function profileTraining(gpu: Gpu, settings: Settings, classes: number): Promise<Profile> {
  const { batch } = settings;
  const model = makeModel(gpu, settings, classes);
  const images = noGrad(() => gpu.zeros([batch, 32, 32, 3]).keep());
  const labels = gpu.tensor(new Int32Array(batch)).keep();
  const profile = await gpu.profile(() => {
    softmaxCrossEntropy(model.forward(images, { training: true }), labels).backward();
  });
  const rows = (totals: readonly ProfileTotal[]) =>
    totals.map(({ name, ms, launches }) => ({ name, ms, launches }));
  return {
    method: profile.method,
    batch,
    kernels: rows(profile.kernels).map(({ name: kernel, ...row }) => ({ kernel, ...row })),
    modules: rows(profile.modules).map(({ name: path, ...row }) => ({ path, ...row })),
  };
}
