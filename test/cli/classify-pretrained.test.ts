/** Trained models as files: saved, loaded, refused. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createGpu, type Gpu, nn } from "wgrad";
import {
  loadPretrained,
  type PretrainedSettings,
  savePretrained,
} from "../../examples/cifar100/pretrained.ts";

let gpu: Gpu;
beforeAll(async () => {
  gpu = await createGpu();
});
afterAll(() => gpu.destroy());

const settings: PretrainedSettings = {
  model: "vgg",
  width: 1 / 16,
  classNames: ["one", "two", "three"],
  normalization: { mean: [0, 0, 0], std: [1, 1, 1] },
  recipe: "quick",
  epochs: 5,
  seed: 7,
  dataset: "cifar100",
  accuracy: 0.25,
  accuracyTta: 0.26,
};
const vgg = () => nn.vgg(gpu, { classes: 3, width: 1 / 16, seed: 7 });

describe("savePretrained", () => {
  test("stores matrices as F16, vectors as F32, and what using them takes as strings", async () => {
    const { metadata, tensors } = nn.decodeSafetensors(await savePretrained(vgg(), settings));
    expect(metadata).toEqual({
      model: "vgg",
      width: "0.0625",
      classes: "3",
      class_names: '["one","two","three"]',
      mean: "[0,0,0]",
      std: "[1,1,1]",
      recipe: "quick",
      epochs: "5",
      seed: "7",
      dataset: "cifar100",
      accuracy: "0.25",
      accuracy_tta: "0.26",
    });
    expect(Object.keys(tensors).sort()).toEqual(Object.keys(vgg().stateDict()).sort());
    for (const { dtype, shape } of Object.values(tensors))
      expect(dtype).toBe(shape.length > 1 ? "F16" : "F32");
  });
});

describe("loadPretrained", () => {
  test.each(["vgg", "vggFast"] as const)(
    "makes the %s that was saved, but for halves' rounding",
    async (name) => {
      const options = { classes: 3, width: 1 / 16, seed: 7 };
      const model = name === "vgg" ? nn.vgg(gpu, options) : nn.vggFast(gpu, options);
      const file = await savePretrained(model, { ...settings, model: name });
      const loaded = loadPretrained(gpu, file);
      expect(loaded.classNames).toEqual(settings.classNames);
      expect(loaded.normalization).toEqual(settings.normalization);
      expect(loaded.metadata.recipe).toBe("quick");
      const state = loaded.model.stateDict();
      for (const [key, tensor] of Object.entries(model.stateDict())) {
        const [before, after] = [await tensor.data(), (await state[key]?.data()) ?? []];
        // Half of the last of 11 bits; below 2^-14, of the least half.
        const wrong = before.findIndex(
          (value, k) => Math.abs(value - (after[k] ?? 0)) > Math.max(2 ** -11 * Math.abs(value), 2 ** -25),
        );
        expect(wrong, key).toBe(-1);
      }
    },
  );

  test("refuses other files, and says what is wrong", async () => {
    const file = await savePretrained(vgg(), settings);
    const { metadata, tensors } = nn.decodeSafetensors(file);
    const { "stage1.0.conv.weight": first, ...others } = tensors;
    const variants: [change: Record<string, string>, state: typeof tensors][] = [
      [{ model: "resnet" }, tensors],
      [{ class_names: "one,two" }, tensors],
      [{ classes: "4" }, tensors],
      [{ width: "-1" }, tensors],
      [{ width: "1000000" }, tensors],
      [{ mean: "[0.5]" }, tensors],
      [{ std: "[1,0,1]" }, tensors],
      [{ model: "vggFast" }, tensors],
      [{}, others],
    ];
    const messages = variants.map(([change, state]) => {
      try {
        loadPretrained(gpu, nn.encodeSafetensors(state, { metadata: { ...metadata, ...change } }));
      } catch (error) {
        return String(error);
      }
      return "no error";
    });
    expect(messages).toMatchInlineSnapshot(`
      [
        "PretrainedError: [pretrained] 'model' in the file's metadata must be vgg or vggFast, but is "resnet": it's no model of this example",
        "PretrainedError: [pretrained] 'class_names' in the file's metadata must be a list of names, but is "one,two": it's no model of this example",
        "PretrainedError: [pretrained] 'classes' in the file's metadata must be the number of class_names, 3, but is "4": it's no model of this example",
        "PretrainedError: [pretrained] 'width' in the file's metadata must be a positive number, but is "-1": it's no model of this example",
        "PretrainedError: [pretrained] 'head.fc2.weight' must be [3, 512000000] as the metadata say, but is [3, 32]: get the file again",
        "PretrainedError: [pretrained] 'mean' in the file's metadata must be a list of three numbers, but is "[0.5]": it's no model of this example",
        "PretrainedError: [pretrained] 'std' in the file's metadata must be three positive numbers, but is "[1,0,1]": it's no model of this example",
        "PretrainedError: [pretrained] 'fc.weight' must be [3, 16] as the metadata say, but is missing: get the file again",
        "PretrainedError: [pretrained] [loadStateDict] the state doesn't fit, nothing was changed: missing: stage1.0.conv.weight",
      ]
    `);
    expect(first?.dtype).toBe("F16");
    expect(() => loadPretrained(gpu, file.subarray(0, 1000))).toThrow(nn.SafetensorsError);
  });
});
