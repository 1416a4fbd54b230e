/**
 * `nn.resnet20` and `nn.mlp` against PyTorch in float64, three training steps and the evaluation after them: each tensor's relative L2 error may be at most three
 * times that of PyTorch's own float32. make_model_fixtures.py made the fixtures.
 */
import { describe, it } from "vitest";
import { nn, optim, softmaxCrossEntropy } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import type { Shape } from "../../src/tensor/shape.ts";
import { gpu } from "../support/gpu.ts";
import { initialValues, runningStatistics, StepFixture } from "./support.ts";

const steps = 3;
const cases: readonly { name: string; make: () => nn.ResNet | nn.Mlp; input: Shape }[] = [
  { name: "resnet20", make: () => nn.resnet20(gpu, { width: 1 / 4, classes: 10 }), input: [32, 32, 3] },
  { name: "mlp", make: () => nn.mlp(gpu, { in: 48, hidden: [32, 16], out: 10 }), input: [48] },
];

describe.each(cases)("nn.$name", ({ name, make, input }) => {
  it("trains as PyTorch's", async () => {
    const fixture = new StepFixture(name);
    const batchOf = (step: number) => {
      const size = input.reduce((product, extent) => product * extent, fixture.batch);
      const images = gpu.tensor(noise(size, 1000 + step), [fixture.batch, ...input]);
      return {
        images,
        labels: Int32Array.from({ length: fixture.batch }, (_, row) => (7 * step + 3 * row) % 10),
      };
    };
    const model = make();
    const parameters = model.parameters();
    parameters.forEach((parameter, index) => {
      parameter.write(initialValues(parameter, index));
    });
    const optimizer = optim.sgd(parameters, { lr: 0.01, momentum: 0.9, weightDecay: 5e-4 });

    const results = new Map<string, ArrayLike<number>>();
    const losses: number[] = [];
    for (let step = 0; step < steps; step++) {
      const { images, labels } = batchOf(step);
      const loss = softmaxCrossEntropy(model.forward(images, { training: true }), labels);
      loss.backward();
      losses.push(await loss.item());
      for (const [k, { grad }] of step === 0 ? parameters.entries() : [])
        results.set(`gradient ${k}`, (await grad?.data()) ?? []);
      optimizer.step();
    }
    results.set("losses", losses);
    for (const [k, parameter] of parameters.entries()) results.set(`parameter ${k}`, await parameter.data());
    for (const [name, values] of await runningStatistics(model)) results.set(name, values);
    results.set("evaluation", await model.forward(batchOf(steps).images).data());
    fixture.expectAll(results);
  });
});
