/** PyTorch's state dictionaries in and out. Its results and names come from test/parity. */
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { nn, relu, type Tensor } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { gpu } from "../support/gpu.ts";

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../parity/fixtures/${name}.json`, import.meta.url), "utf8"));
const { state, logits } = read("pytorch-state") as {
  readonly state: nn.PyTorchState;
  readonly logits: readonly number[];
};

class Small extends nn.Module {
  readonly features = new nn.Sequential(
    new nn.Conv2d(gpu, { in: 2, out: 3, size: [3, 2] }),
    new nn.BatchNorm(gpu, { channels: 3, eps: 1e-5 }),
    new nn.ReLU(),
    new nn.Conv2d(gpu, { in: 3, out: 4, size: 1, bias: false }),
  );
  readonly flatten = new nn.Flatten();
  readonly head = new nn.Linear(gpu, { in: 32, out: 5 });
  readonly out = new nn.Linear(gpu, { in: 5, out: 3 });

  forward(x: Tensor): Tensor {
    return this.out.forward(relu(this.head.forward(this.flatten.forward(this.features.forward(x)))));
  }
}

const options = {
  names: { head: "classifier.0", out: "classifier.2" },
  flattened: { head: [2, 4] },
} satisfies nn.PyTorchOptions;

describe("nn.fromPyTorch", () => {
  it("makes a model compute what PyTorch's does", async () => {
    const model = new Small();
    await nn.fromPyTorch(state, model, options);
    const result = await model.forward(gpu.tensor(noise(2 * 4 * 5 * 2, 3), [2, 4, 5, 2])).data();
    const largest = Math.max(...logits.map(Math.abs));
    // Sums of 32 products at most, in float32.
    result.forEach((value, k) => {
      expect(Math.abs(value - (logits[k] ?? Number.NaN))).toBeLessThan(1e-6 * largest);
    });
  });

  it("takes a VGG by torchvision's kind of names, and names of its own for the whole", async () => {
    const [model, copy] = [nn.vgg(gpu, { width: 1 / 64, seed: 1 }), nn.vgg(gpu, { width: 1 / 64, seed: 2 })];
    // PyTorch's layers in a row: convolution, normalization, ReLU; a pool after each stage.
    const blocks = model
      .namedModules()
      .flatMap(([path, module]) => (module instanceof nn.Conv2d ? [path.replace(/\.conv$/, "")] : []));
    let at = 0;
    const features = blocks.flatMap((path, k) => {
      if (k > 0 && path.endsWith(".0")) at += 1;
      at += 3;
      return [
        [`${path}.conv`, `features.${at - 3}`],
        [`${path}.norm`, `features.${at - 2}`],
      ];
    });
    const names = {
      "": "module",
      ...Object.fromEntries(features),
      head: "classifier",
      "head.fc2": "classifier.last",
    };
    const values = await nn.toPyTorch(model, { names });
    expect(
      Object.keys(values)
        .filter((name) => /weight$/.test(name))
        .slice(-5),
    ).toMatchInlineSnapshot(`
      [
        "features.40.weight",
        "features.41.weight",
        "classifier.fc1.weight",
        "classifier.norm.weight",
        "classifier.last.weight",
      ]
    `);
    await nn.fromPyTorch(values, copy, { names });
    const images = gpu.tensor(noise(2 * 3072, 1), [2, 32, 32, 3]);
    expect(await copy.forward(images).data()).toEqual(await model.forward(images).data());
  });

  it("takes files of safetensors, with halves", async () => {
    const [model, copy] = [
      nn.resnet20(gpu, { width: 1 / 16, seed: 1 }),
      nn.resnet20(gpu, { width: 1 / 16, seed: 2 }),
    ];
    const file = nn.encodeSafetensors(await nn.toPyTorch(model), { dtype: "F16" });
    await nn.fromPyTorch(nn.decodeSafetensors(file).tensors, copy);
    const [weight, copied] = [await model.conv1.weight.data(), await copy.conv1.weight.data()];
    weight.forEach((value, k) => {
      expect(Math.abs((copied[k] ?? Number.NaN) - value)).toBeLessThanOrEqual(
        2 ** -11 * Math.abs(value) + 2 ** -25,
      );
    });
  });

  describe("changes nothing, and says why, for", () => {
    const model = new Small();
    const before = model.out.weight.data();
    const load = (values: nn.PyTorchState, given: nn.PyTorchOptions = options) =>
      nn.fromPyTorch(values, model, given);
    const without = Object.fromEntries(Object.entries(state).filter(([name]) => !name.includes("running")));

    afterEach(async () => {
      expect(await model.out.weight.data()).toEqual(await before);
    });

    it("names that differ", async () => {
      await expect(load(state, { flattened: { head: [2, 4] } })).rejects.toThrowErrorMatchingInlineSnapshot(`
        [Error: [fromPyTorch] the state dictionary doesn't fit the model, nothing was changed; 'names' says what PyTorch calls a module:
          missing: head.weight, head.bias, out.weight, out.bias
          unexpected: classifier.0.weight, classifier.0.bias, classifier.2.weight, classifier.2.bias]
      `);
    });

    it("other shapes", async () => {
      await expect(
        load({ ...state, "features.0.weight": { shape: [3, 3, 2, 2], data: new Float32Array(36) } }),
      ).rejects.toThrowErrorMatchingInlineSnapshot(`
        [Error: [fromPyTorch] the state dictionary doesn't fit the model, nothing was changed:
          mismatched: features.0.weight must be [3, 2, 3, 2], but got [3, 3, 2, 2]]
      `);
    });

    it("data that doesn't fill its shape", async () => {
      await expect(
        load({ ...state, "classifier.2.bias": { shape: [3], data: [1, 2] } }),
      ).rejects.toThrowErrorMatchingInlineSnapshot(`
        [Error: [fromPyTorch] the state dictionary doesn't fit the model, nothing was changed:
          mismatched: classifier.2.bias [3] has 2 elements]
      `);
    });

    it("other types", async () => {
      await expect(
        load({ ...state, "classifier.2.bias": { shape: [3], data: Int32Array.of(1, 2, 3) } }),
      ).rejects.toThrowErrorMatchingInlineSnapshot(`
        [Error: [fromPyTorch] the state doesn't fit, nothing was changed:
          mismatched: out.bias must be f32 [3], but got i32 [3]]
      `);
    });

    it("what is missing, what is too much", async () => {
      await expect(
        load({ ...without, extra: { shape: [], data: [1] } }),
      ).rejects.toThrowErrorMatchingInlineSnapshot(`
        [Error: [fromPyTorch] the state dictionary doesn't fit the model, nothing was changed; 'names' says what PyTorch calls a module:
          missing: features.1.running_mean, features.1.running_var
          unexpected: extra]
      `);
    });

    it("images of unknown extents", async () => {
      await expect(load(state, { names: options.names })).rejects.toThrowErrorMatchingInlineSnapshot(
        `[Error: [fromPyTorch] 'head' has 32 inputs behind 4 channels: give height and width of the images that it gets flattened, as flattened: { "head": [height, width] }; [1, 1] if it gets none]`,
      );
    });

    it("images of impossible extents", async () => {
      await expect(
        load(state, { ...options, flattened: { head: [3, 3] } }),
      ).rejects.toThrowErrorMatchingInlineSnapshot(
        `[Error: [fromPyTorch] 'flattened' has [3, 3] for 'head', but that must divide its 32 inputs]`,
      );
    });

    it("modules that aren't there", async () => {
      await expect(
        load(state, { ...options, names: { heads: "classifier.0" } }),
      ).rejects.toThrowErrorMatchingInlineSnapshot(
        `[Error: [fromPyTorch] 'names' has 'heads', but the model has no such module]`,
      );
    });

    it("linear layers that aren't there", async () => {
      await expect(
        load(state, { ...options, flattened: { "features.0": [2, 4] } }),
      ).rejects.toThrowErrorMatchingInlineSnapshot(
        `[Error: [fromPyTorch] 'flattened' has 'features.0', but the model has no such linear layer]`,
      );
    });
  });
});

describe("nn.toPyTorch", () => {
  it("gives ResNet-20 the names and shapes of PyTorch's, in order", async () => {
    const names = read("resnet20-state") as Readonly<Record<string, readonly number[]>>;
    const theirs = Object.entries(names).filter(([name]) => !name.endsWith("num_batches_tracked"));
    const values = await nn.toPyTorch(nn.resnet20(gpu));
    expect(Object.entries(values).map(([name, { shape }]) => [name, [...shape]])).toEqual(theirs);
  });

  it("is the inverse of fromPyTorch", async () => {
    const model = new Small();
    await nn.fromPyTorch(state, model, options);
    const values = await nn.toPyTorch(model, options);
    for (const [name, { shape, data }] of Object.entries(values))
      expect({ shape, data }, name).toEqual({
        shape: state[name]?.shape,
        data: Float32Array.from(state[name]?.data ?? []),
      });
    expect(Object.keys(values)).toEqual(
      Object.keys(state).filter((name) => !name.endsWith("num_batches_tracked")),
    );
  });
});
