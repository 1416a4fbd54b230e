/** What the worker answers about models, and checkpoints that Node and the page read from each other. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createGpu, data, type Gpu, NoAdapterError } from "wgrad";
import { predict } from "wgrad/node";
import { loadPretrained, savePretrained } from "../../examples/cifar100/pretrained.ts";
import { recipeNames } from "../../examples/cifar100/recipes.ts";
import { answersOf } from "../../examples/cifar100/web/worker/views.ts";
import { Harness, test, tiny } from "./support/harness.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 }); // each device compiles its kernels

let harness: Harness;
let gpu: Gpu;
beforeAll(async () => {
  gpu = await createGpu();
  harness = await Harness.open();
  await harness.load();
  await harness.ask("start", { settings: { ...tiny, recipe: "record", lr: 0.3, epochs: 1 } });
  await harness.ended();
});
afterAll(() => {
  harness.close();
  gpu.destroy();
});

const all = Array.from({ length: test.count }, (_, k) => k);
const pictureOf = (k: number) => ({ pixels: test.images.slice(k * 3072, (k + 1) * 3072) });

describe("a model's answers", () => {
  it("lists the model with its layers", () => {
    const [model] = harness.of("models").at(-1)?.models ?? [];
    expect(model).toMatchObject({ kind: "run", synthetic: false, title: "record, width 0.0625, CIFAR-100" });
    expect(model?.classes).toHaveLength(100);
    expect(model?.layers.map(({ path, kind, shape }) => `${path} ${kind} ${shape}`)).toMatchInlineSnapshot(`
      [
        "whiten Conv2d 31,31,24",
        "groups.0.conv1 Conv2d 31,31,4",
        "groups.0.pool MaxPool2d 15,15,4",
        "groups.0.norm1 BatchNorm 15,15,4",
        "groups.0.conv2 Conv2d 15,15,4",
        "groups.0.norm2 BatchNorm 15,15,4",
        "groups.1.conv1 Conv2d 15,15,16",
        "groups.1.pool MaxPool2d 7,7,16",
        "groups.1.norm1 BatchNorm 7,7,16",
        "groups.1.conv2 Conv2d 7,7,16",
        "groups.1.norm2 BatchNorm 7,7,16",
        "groups.2.conv1 Conv2d 7,7,16",
        "groups.2.pool MaxPool2d 3,3,16",
        "groups.2.norm1 BatchNorm 3,3,16",
        "groups.2.conv2 Conv2d 3,3,16",
        "groups.2.norm2 BatchNorm 3,3,16",
        "pool MaxPool2d 1,1,16",
        "flatten Flatten 16",
        "fc Linear 100",
      ]
    `);
  });

  it("come with the images, and with the same confusions as the validation", async () => {
    const answers = await harness.ask("predict", { images: [3, 0, 99] });
    expect(answers.map(({ index, label }) => [index, label])).toEqual([
      [3, test.labels[3]],
      [0, test.labels[0]],
    ]);
    expect([...(answers[1]?.pixels.subarray(0, 8) ?? [])]).toEqual([
      ...[...test.images.subarray(0, 3), 255, ...test.images.subarray(3, 6), 255],
    ]);
    const confusion = await harness.ask("confusion", {});
    expect(confusion?.counts.flat().reduce((sum, count) => sum + count, 0)).toBe(test.count);
    expect(harness.of("answering").at(-1)).toMatchObject({ done: test.count, total: test.count });
  });

  it("for the whole test set needn't be waited for", async () => {
    const asked = harness.ask("confusion", {});
    await harness.ask("end-confusion", {});
    expect(await asked).toBeNull();
  });

  it("are the classification's, for a picture of its own too", async () => {
    const [image] = await harness.ask("predict", { images: [5] });
    const guesses = await harness.ask("classify", { picture: { test: 5 } });
    expect(guesses).toHaveLength(5);
    expect(guesses[0]?.label).toBe(image?.answer);
    expect(guesses[0]?.confidence).toBeCloseTo(image?.confidence ?? 0, 6);
    expect(await harness.ask("classify", { picture: pictureOf(5) })).toEqual(guesses);
    const confidences = guesses.map(({ confidence }) => confidence);
    expect(confidences).toEqual([...confidences].sort((a, b) => b - a));
  });

  it("can be looked into", async () => {
    const filters = await harness.ask("filters", {});
    expect(filters.shape).toEqual([24, 2, 2, 3]);
    expect(filters.max).toBe(Math.max(...filters.values));
    const layer = "groups.0.conv1";
    const activations = await harness.ask("activations", { picture: { test: 0 }, layer });
    expect(activations.shape).toEqual([31, 31, 4]);
    expect(activations.values).toHaveLength(31 * 31 * 4);
    expect(activations.min).toBeLessThan(activations.max);
    const same = await harness.ask("activations", { picture: pictureOf(0), layer });
    expect(same.values).toEqual(activations.values);
  });

  it("are refused in words", async () => {
    const { refusal } = harness;
    const ask = refusal.bind(harness);
    expect(await ask("classify", { picture: { test: 20 } })).toMatchInlineSnapshot(
      `"invalid: There is no test image 20. There are 20."`,
    );
    expect(await ask("classify", { picture: { pixels: new Uint8Array(3) } })).toMatchInlineSnapshot(
      `"invalid: A picture is 3072 bytes, but 3 came. Give 32 x 32 pixels of red, green and blue."`,
    );
    expect(await ask("activations", { picture: { test: 0 }, layer: "head" })).toMatchInlineSnapshot(
      `"invalid: The model has no layer 'head'. Choose one of its layers."`,
    );
    expect(await ask("filters", { model: "loaded" })).toMatchInlineSnapshot(
      `"invalid: There is no loaded model. Start a run or load a checkpoint."`,
    );
    expect(await ask("save", { model: "pretrained" })).toMatchInlineSnapshot(
      `"invalid: There is no pretrained model. Start a run or load a checkpoint."`,
    );
  });
});

describe("a checkpoint", () => {
  it("of the page gives Node the same answers", async () => {
    const { name, bytes } = await harness.ask("save", {});
    expect(name).toBe("record-width-0.0625-cifar-100-epoch-1.safetensors");
    const { model, normalization, classNames, metadata } = loadPretrained(gpu, bytes);
    const images = data.fromArrays(gpu, { ...test, classes: classNames }, normalization);
    const { classes } = await predict(model, images);
    const live = { ...({ kind: "run", title: "", gpu, model, normalization, classes: classNames } as const) };
    const settings = { recipe: "record", width: 1 / 16, dropout: false } as const;
    const judged = await answersOf({ ...live, settings, synthetic: false }, test, test.count);
    expect(classes).toHaveLength(test.count);
    const answers = await harness.ask("predict", { images: all });
    expect(answers.map(({ answer }) => answer)).toEqual([...(judged?.classes ?? [])]);
    expect(answers.map(({ confidence }) => confidence)).toEqual([...(judged?.confidences ?? [])]);
    expect(metadata).toMatchObject({ recipe: "record", dataset: "cifar100", epochs: "1", model: "vggFast" });
  });

  it("is read again by the page", async () => {
    const saved = await harness.ask("save", {});
    const before = await harness.ask("classify", { picture: { test: 1 } });
    const file = new File([saved.bytes], saved.name);
    const info = await harness.ask("load-model", { file });
    expect(info.title).toBe(`record, width 0.0625, cifar100 (${saved.name})`);
    expect(await harness.ask("classify", { model: "loaded", picture: { test: 1 } })).toEqual(before);
  });

  it("of Node is read by the page", async () => {
    const { model } = loadPretrained(gpu, (await harness.ask("save", {})).bytes);
    const bytes = await savePretrained(model, {
      ...{ model: "vggFast", width: 1 / 16, classNames: test.classes, recipe: "record", epochs: 1, seed: 0 },
      ...{ normalization: { mean: [0, 0, 0], std: [1, 1, 1] }, dataset: "synthetic" },
      ...{ accuracy: 0.5, accuracyTta: 0.5 },
    });
    const info = await harness.ask("load-model", { file: new File([bytes], "a.safetensors") });
    expect(info).toMatchObject({ kind: "loaded", synthetic: true });
    expect(
      harness
        .of("models")
        .at(-1)
        ?.models.map(({ kind }) => kind),
    ).toEqual(["run", "loaded"]);
  });

  it("that is none is refused in words", async () => {
    const load = (name: string, body: BlobPart) =>
      harness.refusal("load-model", { file: new File([body], name) });
    expect(await load("cat.png", "PNG")).toMatchInlineSnapshot(
      `"wrong-file: 'cat.png': The file has 3 bytes, less than a header takes: the file is damaged or wasn't written whole; get it again. Pick a .safetensors file that this page, npm run cifar100 or its authors saved."`,
    );
    const { bytes } = await harness.ask("save", {});
    expect(await load("cut.safetensors", bytes.slice(0, 1000))).toMatchInlineSnapshot(
      `"wrong-file: 'cut.safetensors': Its header has 4,200 bytes, but only 992 follow: the file is damaged or wasn't written whole; get it again. Pick a .safetensors file that this page, npm run cifar100 or its authors saved."`,
    );
  });
});

describe("the worker", () => {
  it("offers all recipes, and less on a software adapter", () => {
    const [opened] = harness.of("opened");
    expect(opened?.recipes.map(({ name }) => name)).toEqual([...recipeNames]);
    expect(opened?.suggested.recipe).toBe("quick");
    expect(opened?.adapter.isSoftware).toBe(gpu.info.isSoftware);
  });

  it("refuses settings and questions that make no sense now", async () => {
    const start = (settings: Partial<typeof tiny>) =>
      harness.refusal("start", { settings: { ...tiny, ...settings } });
    expect(await start({ width: 0.3 })).toMatchInlineSnapshot(
      `"invalid: The width is 0.3. Give a multiple of 1/64, such as 0.25."`,
    );
    expect(await start({ batch: 0 })).toMatchInlineSnapshot(
      `"invalid: The batch size is 0. Give an integer from 1 to 4,096."`,
    );
    expect(await start({ lr: Number.NaN })).toMatchInlineSnapshot(
      `"invalid: The learning rate is NaN. Give a number from 0 to 1,000."`,
    );
    expect(await start({ recipe: "none" })).toMatchInlineSnapshot(
      `"invalid: There is no recipe 'none'. Choose one of the list."`,
    );
    expect(await harness.refusal("pause", {})).toMatchInlineSnapshot(
      `"busy: Pausing isn't possible now (idle). Start or resume a run first."`,
    );
    expect(await harness.refusal("open", {})).toMatchInlineSnapshot(
      `"busy: The GPU is open. Nothing needs to be done."`,
    );
    expect(await harness.refusal("learning-rate", { lr: 1 })).toMatchInlineSnapshot(
      `"busy: Changing the learning rate isn't possible now (idle). Start or resume a run first."`,
    );
    const empty = await Harness.open();
    expect(await empty.refusal("start", { settings: tiny })).toMatchInlineSnapshot(
      `"busy: There are no data yet. Drop or pick CIFAR-100, or take the synthetic set."`,
    );
    expect(await empty.refusal("filters", {})).toMatchInlineSnapshot(
      `"invalid: There is no model yet. Start a run or load a checkpoint."`,
    );
    empty.close();
  });

  it("says where there is no adapter, and tries again", async () => {
    let there = false;
    const openGpu = async () => {
      if (there) return gpu;
      throw new NoAdapterError("[createGpu] no WebGPU adapter was found.");
    };
    const blind = await Harness.open(undefined, { openGpu });
    expect(blind.status).toBe("failed");
    expect(blind.of("problem")[0]?.problem).toMatchInlineSnapshot(`
      {
        "advice": "Turn on hardware acceleration, or use a current Chrome, Edge, Firefox or Safari; then try again.",
        "kind": "no-adapter",
        "message": "No WebGPU adapter was found.",
      }
    `);
    there = true;
    await blind.ask("open", {});
    expect(blind.status).toBe("idle");
  });

  it("times a step by kernel", async () => {
    const profile = await harness.ask("profile", {});
    expect(profile.batch).toBe(16);
    expect(profile.kernels.every(({ ms }) => ms >= 0)).toBe(true);
    expect(profile.kernels.reduce((sum, { launches }) => sum + launches, 0)).toBe(
      profile.modules.reduce((sum, { launches }) => sum + launches, 0),
    );
    expect(profile.modules.map(({ path }) => path)).toContain("groups.1.conv2");
  });
});
