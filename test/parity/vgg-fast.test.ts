/**
 * `nn.vggFast` against PyTorch in float64, one training step and the evaluation after it: each tensor's relative L2 error may be at most three times that of
 * PyTorch's own float32. make_vgg_fast_fixture.py made the fixture.
 */
import { expect, it } from "vitest";
import { nn, softmaxCrossEntropy, type Tensor } from "wgrad";
import { gpu } from "../support/gpu.ts";
import { batchOf, initialValues, StepFixture } from "./support.ts";

it("nn.vggFast has PyTorch's logits, loss, gradients and running statistics", async () => {
  const fixture = new StepFixture("vgg-fast");
  const model = nn.vggFast(gpu, { width: 1 / 8 });
  model.parameters().forEach((parameter, index) => {
    parameter.write(initialValues(parameter, index));
  });

  const { images, labels } = batchOf(gpu, 0, fixture.batch);
  const logits = model.forward(images, { training: true }).keep();
  const loss = softmaxCrossEntropy(logits, labels, { labelSmoothing: 0.2 });
  loss.backward();
  const results: Readonly<Record<string, Tensor | null>> = {
    logits,
    loss,
    evaluation: model.forward(batchOf(gpu, 1, fixture.batch).images),
    ...Object.fromEntries(
      model
        .parameters()
        .flatMap(({ grad, requiresGrad }, k) => (requiresGrad ? [[`gradient ${k}`, grad]] : [])),
    ),
    ...Object.fromEntries(model.namedBuffers()),
  };
  expect(Object.keys(results)).toEqual(fixture.names);
  for (const [name, value] of Object.entries(results))
    expect(await fixture.ratio(name, value), `${name}: error / PyTorch float32's`).toBeLessThanOrEqual(3);
});
