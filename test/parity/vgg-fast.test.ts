/**
 * `nn.vggFast` against PyTorch in float64, one training step and the evaluation after it: each tensor's relative L2 error may be at most three times that of
 * PyTorch's own float32. make_vgg_fast_fixture.py made the fixture.
 */
import { it } from "vitest";
import { nn, softmaxCrossEntropy } from "wgrad";
import { gpu } from "../support/gpu.ts";
import { batchOf, initialValues, runningStatistics, StepFixture } from "./support.ts";

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
  const results = new Map<string, ArrayLike<number>>();
  results.set("logits", await logits.data());
  results.set("loss", await loss.data());
  results.set("evaluation", await model.forward(batchOf(gpu, 1, fixture.batch).images).data());
  for (const [k, { grad, requiresGrad }] of model.parameters().entries())
    if (requiresGrad) results.set(`gradient ${k}`, (await grad?.data()) ?? []);
  for (const [name, values] of await runningStatistics(model)) results.set(name, values);
  fixture.expectAll(results);
});
