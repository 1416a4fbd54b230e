/**
 * Whether buffers and bytes stay what they are over many recorded training steps of a narrow VGG, dropout included; exits with 1 if not.
 * `node scripts/run.mjs bench/flat.ts [steps]`, 10,000 by default.
 */
import { createGpu, nn, optim, softmaxCrossEntropy } from "wgrad";
import { runCommand } from "./command.ts";

await runCommand(async () => {
  const steps = Number(process.argv[2] ?? 10_000);
  const gpu = await createGpu();
  const model = nn.vgg(gpu, { width: 1 / 16 });
  const optimizer = optim.sgd(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const images = gpu.full([2, 32, 32, 3], 0.5);
  const labels = gpu.tensor(new Int32Array(2));
  const step = gpu.record(() => {
    const loss = softmaxCrossEntropy(model.forward(images, { training: true }), labels);
    loss.backward();
    optimizer.step();
    return loss;
  });
  const report = (done: number) => console.log(`after ${done} steps: ${JSON.stringify(gpu.memory)}`);

  await step().item();
  const before = JSON.stringify(gpu.memory);
  report(1);
  for (let done = 2; done <= steps; done++) {
    step();
    if (done % 100 === 0) await gpu.idle();
    if (done % Math.ceil(steps / 4) === 0) report(done);
  }
  await gpu.idle();
  const isFlat = JSON.stringify(gpu.memory) === before;
  console.log(isFlat ? "flat" : "not flat");
  gpu.destroy();
  return isFlat ? 0 : 1;
});
