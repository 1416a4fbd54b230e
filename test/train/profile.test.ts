/** `fit` with `onProfile`: one of its steps is profiled, and the run is what it is without. */
import { expect, it } from "vitest";
import { data, nn, optim, type Profile, train } from "wgrad";
import { gpu } from "../support/gpu.ts";
import { withoutTimes } from "../support/log.ts";

const set = await data.cifar100(gpu, data.syntheticCifar100({ trainCount: 48, testCount: 16 }));

async function run(eager: boolean, onProfile?: (profile: Profile) => void) {
  const model = nn.vgg(gpu, { width: 1 / 16, seed: 3 });
  const optimizer = optim.sgd(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const { state } = await train.fit(model, optimizer, set, {
    epochs: 2,
    batch: 16,
    seed: 7,
    eager,
    onProfile,
  });
  const weights = await Promise.all(Object.values(model.stateDict()).map((tensor) => tensor.data()));
  return { log: withoutTimes(state.log), weights };
}

it.each([
  ["recorded", false],
  ["eager", true],
])("profiles one step, %s, without touching the bits", async (_, eager) => {
  const profiles: Profile[] = [];
  const profiled = await run(eager, (profile) => void profiles.push(profile));
  expect(profiled).toEqual(await run(eager));
  expect(profiles).toHaveLength(1);
  const [profile] = profiles;
  const modules = profile?.modules.map(({ name }) => name) ?? [];
  expect(modules).toContain("stage1.0.conv");
  expect(modules).toContain("sgd");
  expect(profile?.launches.some(({ kernel, module }) => kernel.startsWith("gather") && module === "")).toBe(
    true,
  );
});
