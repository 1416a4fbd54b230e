/** The memory that `fit` states before it starts, and the batches that it refuses. */
import { describe, expect, it } from "vitest";
import { createGpu, data, MemoryError, nn, optim, train } from "wgrad";
import { Device } from "../../src/gpu/device.ts";
import { Gpu } from "../../src/tensor/gpu.ts";
import { gpu as shared } from "../support/gpu.ts";

const source = data.syntheticCifar100({ trainCount: 300, testCount: 40 });

async function makeRun(gpu: Gpu) {
  const set = await data.cifar100(gpu, source);
  const model = nn.vgg(gpu, { width: 1 / 16 });
  const optimizer = optim.sgd(model.parameters(), { lr: 0.01, momentum: 0.9 });
  return { model, optimizer, set };
}

/** What `fit` states for a batch, without a step, on a GPU that has nothing else. */
async function stated(
  batch: number,
  options: Partial<train.FitOptions> = {},
  gpu = new Gpu(new Device(shared.device.raw, false)),
): Promise<train.MemoryNeed> {
  const { model, optimizer, set } = await makeRun(gpu);
  let need: train.MemoryNeed | undefined;
  const controller = new AbortController();
  const onMemory = (known: train.MemoryNeed) => {
    need = known;
    controller.abort();
  };
  const { signal } = controller;
  await train.fit(model, optimizer, set, { epochs: 1, batch, signal, onMemory, ...options });
  if (!need) throw new Error("fit stated no memory");
  return need;
}

describe("the memory that a run needs", () => {
  it("is known before the first step, and is what it then takes", async () => {
    const gpu = await createGpu({ device: shared.device.raw });
    const { model, optimizer, set } = await makeRun(gpu);
    let need: train.MemoryNeed | undefined;
    let most = 0;
    await train.fit(model, optimizer, set, {
      epochs: 2,
      batch: 50,
      onMemory: (known) => {
        need = known;
        expect(gpu.memory.usedBytes + known.step).toBe(known.bytes);
      },
      onProgress: () => {
        most = Math.max(most, gpu.memory.usedBytes);
      },
    });
    expect(need?.dataSet).toBeGreaterThanOrEqual(340 * (3072 + 4));
    expect((need?.step ?? 0) + (need?.dataSet ?? 0) + (need?.model ?? 0)).toBe(need?.bytes);
    expect(most / (need?.bytes ?? 1)).toBeGreaterThan(0.9);
    expect(most / (need?.bytes ?? 1)).toBeLessThan(1.1);
  });

  it("grows with the batch", async () => {
    const [small, large] = [await stated(16), await stated(64)];
    expect(large.step / small.step).toBeGreaterThan(2.5);
    expect(large.dataSet).toBe(small.dataSet);
    expect(large.model, "which a traced step leaves nothing in").toBe(small.model);
  });

  it("is refused where it exceeds a limit, with the largest batch that fits, which then does", async () => {
    const { bytes } = await stated(64);
    const memoryLimit = Math.floor(0.8 * bytes);
    const refusal: unknown = await stated(64, { memoryLimit }).catch((error) => error);
    expect(refusal).toBeInstanceOf(MemoryError);
    const { message } = refusal as MemoryError;
    expect(message).toMatch(
      /^\[fit\] a batch of 64 doesn't fit: it needs [\d.]+ MiB \([\d.]+ for a step, [\d.]+ for the model, [\d.]+ for the data\), but has [\d.]+ MiB; the largest batch that fits is \d+$/,
    );
    const largest = Number(/fits is (\d+)$/.exec(message)?.[1]);
    expect(largest).toBeGreaterThan(16);
    expect(largest).toBeLessThan(64);
    expect((await stated(largest, { memoryLimit })).bytes).toBeLessThanOrEqual(memoryLimit);
    await expect(stated(largest + 1, { memoryLimit })).rejects.toThrow(
      `the largest batch that fits is ${largest}`,
    );
  });

  it("is refused where nobody asks how much it is, too", async () => {
    const { model, optimizer, set } = await makeRun(shared);
    const options = { epochs: 1, batch: 64, memoryLimit: 1000 };
    await expect(train.fit(model, optimizer, set, options)).rejects.toThrow(MemoryError);
  });

  it("names no batch where none fits", async () => {
    await expect(stated(64, { memoryLimit: 1000 })).rejects.toThrow(
      /no batch fits: use a smaller model or fewer images, or allow more$/,
    );
  });

  it("counts the adapter's limits", async () => {
    // A device that takes no buffers above 1 MiB: an activation [N, 32, 32, 4] of floats is 16 KiB an image.
    const limits = { maxBufferSize: 2 ** 20, maxStorageBufferBindingSize: 2 ** 20 };
    const raw = new Proxy(shared.device.raw, {
      get: (target, key) => {
        if (key === "limits")
          return new Proxy(target.limits, {
            get: (all, name) => Reflect.get({ ...limits }, name) ?? Reflect.get(all, name, all),
          });
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const gpu = new Gpu(new Device(raw, false));
    await expect(stated(200, {}, gpu)).rejects.toThrow(
      /^\[fit\] a batch of 200 doesn't fit: '.*' needs a buffer of [\d,]+ bytes, but this adapter's limit is 1,048,576; the largest batch that fits is (\d\d)$/,
    );
    expect((await stated(16, {}, gpu)).bytes).toBeGreaterThan(2 ** 20);
  });
});
