/**
 * Stands in for the page's worker: answers at once, with made-up numbers, in the situation that its bundle was made for. What the page
 * makes of them can be looked at without a GPU. Images are those of the synthetic set.
 */
import type {
  Answer,
  Confusion,
  EpochEntry,
  ModelInfo,
  PageMessage,
  Planes,
  Problem,
  QuestionType,
  RunSettings,
  RunSummary,
  TestImage,
  WorkerEvent,
} from "../../../examples/cifar100/web/protocol.ts";
import { coarseNames } from "../../../src/data/class-names.ts";
import { coarseOfFine } from "../../../src/data/coarse-of-fine.ts";
import { syntheticCifar100 } from "../../../src/data/synthetic.ts";
import { adapter, benchResult, lost, noAdapter, noWebGpu, profile, wrongFile } from "./fake-answers.ts";

export type Situation =
  | "fresh"
  | "training"
  | "paused"
  | "compiling"
  | "interrupted"
  | "no-webgpu"
  | "no-adapter"
  | "device-lost"
  | "wrong-file"
  | "not-kept";

declare const SITUATION: Situation;

const { test } = syntheticCifar100({ trainCount: 1, testCount: 200 });
const settings: RunSettings = {
  ...{ recipe: "quick", width: 0.25, batch: 64, lr: 0.05, epochs: 5, seed: 0 },
  ...{ trainLimit: 10_000, testLimit: 1000 },
};
const tell = (event: WorkerEvent): void => self.postMessage(event);
/** 0 to 1, the same for the same `k`. */
const noise = (k: number): number => {
  const x = Math.sin(12.9898 * k + 78.233) * 43_758.5453;
  return x - Math.floor(x);
};

function entry(epoch: number, run: number): EpochEntry {
  const learnt = 1 - Math.exp(-(epoch * (0.2 + 0.08 * run)));
  return {
    ...{
      epoch,
      iteration: 156 * epoch,
      lr: 0.05,
      elapsedSeconds: 25 * epoch,
      imagesPerSecond: 480 + 20 * run,
    },
    loss: 4.6 - 2.5 * learnt,
    accuracy: 0.5 * learnt,
    validationLoss: 4.5 - 2.2 * learnt + 0.1 * noise(epoch),
    validationAccuracy: 0.42 * learnt + 0.02 * noise(epoch + 9),
  };
}

function summary(run: number, epochs: number, status: RunSummary["status"]): RunSummary {
  const curve = Array.from({ length: Math.round(epochs * 15) }, (_, k) => {
    const epoch = (k + 1) / 15;
    const { loss, accuracy } = entry(epoch, run);
    const shake = 0.2 * (noise(k + 100 * run) - 0.5);
    return {
      iteration: Math.round(156 * epoch),
      epoch,
      loss: loss + shake,
      accuracy: Math.max(0, accuracy - 0.2 * shake),
    };
  });
  const width = [0.25, 0.125, 0.25, 0.5][run] ?? 1;
  return {
    ...{ id: `2026-11-25T2${run}`, started: `2026-11-25T2${run}:04:05.678Z`, status },
    title: `quick, width ${width}, drawn shapes`,
    settings: { ...settings, width, lr: run === 2 ? 0.1 : 0.05 },
    dataset: { name: "synthetic", synthetic: true },
    iteration: Math.round(156 * epochs),
    epochs: Array.from({ length: Math.floor(epochs) }, (_, k) => entry(k + 1, run)),
    curve,
    resumable: status !== "running",
  };
}

function layers(): ModelInfo["layers"] {
  return [
    { path: "stage1.0.conv", kind: "Conv2d", shape: [32, 32, 16] },
    { path: "stage1.0.norm", kind: "BatchNorm", shape: [32, 32, 16] },
    { path: "stage2.0.conv", kind: "Conv2d", shape: [16, 16, 32] },
    { path: "stage5.0.conv", kind: "Conv2d", shape: [2, 2, 128] },
    { path: "head.fc2", kind: "Linear", shape: [100] },
  ];
}

function model(kind: ModelInfo["kind"], title: string): ModelInfo {
  return { kind, title, classes: test.classes, synthetic: true, parameters: 968_000, layers: layers() };
}

function planes(shape: readonly number[], signed: boolean): Planes {
  const count = shape.reduce((product, size) => product * size, 1);
  const channels = shape.at(-1) ?? 1;
  const width = shape[1] ?? 1;
  const values = Float32Array.from({ length: count }, (_, k) => {
    const [channel, place] = [k % channels, Math.floor(k / channels)];
    const wave = Math.sin(
      (place % width) * (0.2 + 0.9 * noise(channel)) +
        Math.floor(place / width) * noise(channel + 7) +
        6 * noise(channel + 3),
    );
    return signed ? wave : Math.max(0, wave);
  });
  return { shape, values, min: signed ? -1 : 0, max: 1 };
}

function confusion(): Confusion {
  const counts = coarseNames.map((_, row) =>
    coarseNames.map((_, column) => {
      const near = Math.abs(row - column);
      return near === 0
        ? 20 + Math.round(20 * noise(row))
        : Math.round((9 * noise(31 * row + column)) / (1 + near));
    }),
  );
  return { names: coarseNames, counts };
}

function testImages(indices: readonly number[]): TestImage[] {
  return indices.map((index) => {
    const pixels = new Uint8ClampedArray(4096).fill(255);
    const bytes = test.images.subarray(3072 * (index % test.count));
    for (let k = 0; k < 3072; k++) pixels[Math.floor(k / 3) * 4 + (k % 3)] = bytes[k] ?? 0;
    const label = test.labels[index % test.count] ?? 0;
    const right = noise(index) < 0.6;
    const answer = right ? label : (7 * index) % 100;
    return { index, pixels, label, answer, confidence: 0.2 + 0.79 * noise(index + 3) };
  });
}

function opened(): void {
  tell({
    ...{ type: "opened", adapter, suggested: settings },
    recipes: [
      {
        name: "quick",
        about: "Minutes, and it visibly learns.",
        defaults: settings,
        widths: [0.125, 0.25, 0.5, 1],
      },
      {
        name: "chainer-2016",
        about: "Chainer's example of December 2016: 300 epochs at full width.",
        defaults: {
          ...settings,
          recipe: "chainer-2016",
          width: 1,
          batch: 128,
          lr: 0.1,
          epochs: 300,
          trainLimit: 0,
          testLimit: 0,
        },
      },
    ],
    stored: { name: "CIFAR-100", bytes: 184_380_000 },
    ...(SITUATION === "not-kept" && { notKept: "Another tab of this page has the storage." }),
  });
  tell({ type: "models", models: [model("pretrained", "VGG, width 1/4")] });
}

function dataset(): Answer<"load"> {
  return {
    ...{
      name: "drawn shapes",
      synthetic: true,
      trainImages: 10_000,
      testImages: 1000,
      classes: test.classes,
    },
    groups: { names: coarseNames, ofClass: [...coarseOfFine] },
    stored: false,
  };
}

function runs(): RunSummary[] {
  const earlier = [summary(2, 5, "finished"), summary(1, 3.4, "stopped"), summary(0, 5, "finished")];
  if (SITUATION === "interrupted") return [summary(3, 2.4, "interrupted"), ...earlier];
  if (SITUATION === "fresh" || SITUATION === "not-kept" || SITUATION === "wrong-file") return earlier;
  return [summary(3, 2.4, SITUATION === "paused" ? "paused" : "running"), ...earlier];
}

function begin(): void {
  if (SITUATION === "no-webgpu" || SITUATION === "no-adapter") {
    tell({ type: "status", status: "failed" });
    tell({ type: "problem", problem: SITUATION === "no-webgpu" ? noWebGpu : noAdapter });
    return;
  }
  opened();
  tell({ type: "runs", runs: runs() });
  const [run] = runs();
  if (!["training", "paused", "compiling", "device-lost"].includes(SITUATION) || !run) {
    tell({ type: "status", status: "idle" });
    return;
  }
  tell({ type: "dataset", dataset: dataset() });
  tell({ type: "models", models: [model("run", "epoch 2.4"), model("pretrained", "VGG, width 1/4")] });
  if (SITUATION === "compiling") {
    tell({ type: "status", status: "preparing" });
    tell({ type: "compiling", done: 21, total: 64, kernel: "conv2d_weight_grad_winograd" });
    return;
  }
  tell({ type: "status", status: "training" });
  const last = run.epochs.at(-1);
  if (last) tell({ type: "epoch", run: run.id, entry: last, confusion: confusion() });
  tell({
    type: "progress",
    progress: {
      ...{
        run: run.id,
        phase: "training",
        epoch: 2.4,
        epochs: 5,
        iteration: 374,
        lr: 0.05,
        loss: 3.21,
        accuracy: 0.214,
      },
      ...{ imagesPerSecond: 512.4, secondsLeft: 51, validated: 0 },
    },
  });
  if (SITUATION === "paused") tell({ type: "status", status: "paused" });
  if (SITUATION === "device-lost") {
    tell({ type: "status", status: "failed" });
    tell({ type: "problem", problem: lost });
  }
}

class Refused extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

function answer(message: PageMessage): Answer<QuestionType> {
  switch (message.type) {
    case "load":
      if (SITUATION === "wrong-file") throw new Refused(wrongFile);
      tell({ type: "dataset", dataset: dataset() });
      return dataset();
    case "start":
    case "resume":
      tell({ type: "status", status: "training" });
      return { run: runs()[0]?.id ?? "" };
    case "pause":
      tell({ type: "status", status: "paused" });
      return null;
    case "stop":
      tell({ type: "status", status: "idle" });
      return null;
    case "predict":
      return testImages(message.images);
    case "confusion":
      return confusion();
    case "filters":
      return planes([16, 3, 3, 3], true);
    case "activations": {
      const layer = layers().find(({ path }) => path === message.layer);
      return planes(layer?.shape ?? [1], layer?.kind !== "BatchNorm");
    }
    case "classify":
      return [0.62, 0.17, 0.08, 0.05, 0.02].map((confidence, k) => ({
        label: k,
        name: test.classes[k] ?? "",
        confidence,
      }));
    case "profile":
      return profile;
    case "benchmark":
      tell({ type: "benchmark", done: 3, total: 14, name: "conv2d forward 64->64" });
      return benchResult;
    case "save":
      return { name: "quick-epoch-2.safetensors", bytes: new Uint8Array(8) };
    case "load-model":
      throw new Refused({
        ...wrongFile,
        message: `'${message.file.name}' is no checkpoint of this network.`,
      });
    default:
      return null;
  }
}

self.addEventListener("message", ({ data }: MessageEvent<PageMessage>) => {
  try {
    self.postMessage({ type: "answer", id: data.id, value: answer(data) });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    self.postMessage({ type: "refusal", id: data.id, problem: error.problem });
  }
});
begin();
