/**
 * What page and Web Worker say to each other. The worker owns the GPU, the data, the runs and the storage; the page draws.
 *
 * The page asks, the worker answers each question once: `ask` of `client.ts` makes a promise of it, which rejects with `ProblemError`.
 * Besides that the worker tells what happens (`WorkerEvent`), asked or not. Everything is a structured clone; arrays of pixels
 * and numbers are transferred. The worker starts by itself: the first event is `opened` or `problem`.
 *
 * Files: `page/` (index.html, style.css, main.ts) is bundled to `index.html`, `style.css`, `page.js` beside `worker.js`. index.html
 * refers to `./style.css` and, as a module, to `./page.js`; `client.ts` starts `./worker.js`. The content security policy allows no inline
 * script and no inline style (style attributes in HTML text included; the CSSOM is fine), images also from `data:` and `blob:`.
 */

/** What is going on. Questions that don't fit it are answered with a problem of kind "busy" that says what to do. */
export type Status =
  | "opening" // the adapter and the storage
  | "idle" // no run, or it is over; start and resume are possible
  | "loading" // data are read
  | "preparing" // the model is made, kernels are compiled
  | "training"
  | "validating"
  | "pausing" // a step is finished and a snapshot written
  | "paused" // resume and stop are possible
  | "benchmarking"
  | "failed"; // no adapter, or the device was lost: `open` tries again

// ---- Settings and data ----

export interface RunSettings {
  /** One of `Opened.recipes`. */
  readonly recipe: string;
  readonly width: number;
  readonly batch: number;
  /** The base of the recipe's schedule. */
  readonly lr: number;
  readonly epochs: number;
  readonly seed: number;
  /** Images that are used, 0 for all. */
  readonly trainLimit: number;
  readonly testLimit: number;
}

export interface RecipeInfo {
  readonly name: string;
  /** One line for people. */
  readonly about: string;
  readonly defaults: RunSettings;
  /** Widths that the model can have, for a list; undefined where any multiple of 1/64 will do. */
  readonly widths?: readonly number[];
}

/** Where the images come from. Files as dropped or picked: one archive, or train.bin and test.bin. */
export type DataSource =
  | { readonly kind: "synthetic" }
  | { readonly kind: "stored" } // what an earlier visit kept; see `Opened.stored`
  /** `unofficial`: takes sets of other sizes and contents in CIFAR-100's format too. */
  | { readonly kind: "files"; readonly files: readonly File[]; readonly unofficial?: boolean };

export interface DatasetInfo {
  readonly name: string;
  /** Drawn shapes, not photographs: the page must say so. */
  readonly synthetic: boolean;
  readonly trainImages: number;
  readonly testImages: number;
  readonly classes: readonly string[];
  /** Superclasses: names, and which of them each class belongs to. */
  readonly groups: { readonly names: readonly string[]; readonly ofClass: readonly number[] };
  /** Whether it's kept for the next visit. */
  readonly stored: boolean;
}

// ---- Runs ----

export interface EpochEntry {
  readonly epoch: number;
  readonly iteration: number;
  readonly loss: number;
  readonly accuracy: number;
  readonly validationLoss: number;
  readonly validationAccuracy: number;
  readonly lr: number;
  /** Since the start of the run. */
  readonly elapsedSeconds: number;
  readonly imagesPerSecond: number;
}

/** A point of the live curves: the mean over the images since the point before. */
export interface CurvePoint {
  readonly iteration: number;
  /** With its fraction. */
  readonly epoch: number;
  readonly loss: number;
  readonly accuracy: number;
}

export interface Progress {
  readonly run: string;
  readonly phase: "training" | "validation";
  /** Epochs done with the fraction of the one under way, and epochs in all. */
  readonly epoch: number;
  readonly epochs: number;
  readonly iteration: number;
  readonly lr: number;
  /** Mean over the epoch under way; undefined before the first look. */
  readonly loss?: number;
  readonly accuracy?: number;
  /** Undefined until it is known. */
  readonly imagesPerSecond?: number;
  readonly secondsLeft?: number;
  /** Share of the validation that is done, 0 to 1, while the phase is validation. */
  readonly validated: number;
}

export interface RunSummary {
  /** Sorts by time: newer runs have larger ids. */
  readonly id: string;
  /** For lists: recipe, width and data in a few words. */
  readonly title: string;
  /** ISO 8601. */
  readonly started: string;
  /** "interrupted": the page was closed or the device lost while it ran. */
  readonly status: "running" | "paused" | "stopped" | "finished" | "interrupted";
  readonly settings: RunSettings;
  readonly dataset: { readonly name: string; readonly synthetic: boolean };
  readonly iteration: number;
  readonly epochs: readonly EpochEntry[];
  readonly curve: readonly CurvePoint[];
  /** There is a snapshot: `resume` goes on from it, with the same bits. */
  readonly resumable: boolean;
}

// ---- Models and what they see ----

/** "run": of the run under way or the last one; "loaded": of a checkpoint; "pretrained": that comes with the page. */
export type ModelKind = "run" | "loaded" | "pretrained";

export interface ModelInfo {
  readonly kind: ModelKind;
  readonly title: string;
  /** Names of its classes. */
  readonly classes: readonly string[];
  /** Trained on drawn shapes. */
  readonly synthetic: boolean;
  readonly parameters: number;
  /** Layers whose activations can be asked for, in the order in which they run. */
  readonly layers: readonly LayerInfo[];
}

export interface LayerInfo {
  /** Its name in the model, such as `stage1.0.conv`. */
  readonly path: string;
  readonly kind: string;
  /** Of its output for one image: `[height, width, channels]` or `[features]`. */
  readonly shape: readonly number[];
}

export interface TestImage {
  /** Its place in the test set. */
  readonly index: number;
  /** RGBA, 32 x 32: for `ImageData`. */
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
  readonly label: number;
  readonly answer: number;
  /** 0 to 1; NaN where the logits were. */
  readonly confidence: number;
}

export interface Confusion {
  readonly names: readonly string[];
  /** `[true superclass][superclass of the answer]`: test images. */
  readonly counts: readonly (readonly number[])[];
}

/** Numbers with their range, to be drawn: channels last. */
export interface Planes {
  readonly shape: readonly number[];
  readonly values: Float32Array<ArrayBuffer>;
  readonly min: number;
  readonly max: number;
}

/** 32 x 32 RGB bytes row by row, 3072 in all; or an image of the test set. */
export type Picture = { readonly pixels: Uint8Array<ArrayBuffer> } | { readonly test: number };

export interface Guess {
  readonly label: number;
  readonly name: string;
  readonly confidence: number;
}

export interface Profile {
  /** "waiting": no timestamps on this adapter; the host waited for each kernel, which is coarser. */
  readonly method: "timestamps" | "waiting";
  readonly batch: number;
  /** By kernel, largest first; `ms` in all launches of one step. */
  readonly kernels: readonly { readonly kernel: string; readonly launches: number; readonly ms: number }[];
  /** By module, largest first. */
  readonly modules: readonly { readonly path: string; readonly launches: number; readonly ms: number }[];
}

// ---- Benchmarks ----

export interface BenchRow {
  readonly name: string;
  /** "gemm", "conv2d forward", ...: one symbol each in the plot. */
  readonly family: string;
  readonly ms: number;
  /** Half the distance between the quartiles, relative to the median; NaN where too few samples fitted in. */
  readonly spread: number;
  readonly gflops: number;
  readonly gigabytesPerSecond: number;
  /** Operations per byte that must move: the abscissa of the roofline plot. */
  readonly intensity: number;
  /** Of the roof above it, in per cent. */
  readonly percentOfRoof: number;
}

/** The button copies it as JSON. */
export interface BenchResult {
  readonly version: 1;
  readonly date: string;
  readonly browser: string;
  readonly adapter: AdapterInfo;
  /** Measured in the same run: the roof is min(gflops, intensity * gigabytesPerSecond). */
  readonly peaks: { readonly gflops: number; readonly gigabytesPerSecond: number };
  readonly rows: readonly BenchRow[];
}

// ---- Adapter and problems ----

export interface AdapterInfo {
  readonly name: string;
  readonly isSoftware: boolean;
  readonly subgroupSize: number;
  /** Whether kernels can be timed on the GPU. */
  readonly timestamps: boolean;
}

export type ProblemKind =
  | "no-webgpu" // this browser has none
  | "insecure" // WebGPU and storage need https or 127.0.0.1
  | "no-adapter"
  | "device-lost" // `open`, then `resume` of the run with status "interrupted"
  | "wrong-file" // data, checkpoint or picture: the message names the file and says what was expected
  | "storage" // full or not to be had: the run goes on without snapshots
  | "memory" // the batch doesn't fit
  | "diverged"
  | "busy" // the question doesn't fit the status
  | "invalid" // a setting out of range
  | "failed"; // anything else

export interface Problem {
  readonly kind: ProblemKind;
  /** What happened, in one sentence. */
  readonly message: string;
  /** What to do, in one sentence. */
  readonly advice: string;
}

// ---- Questions and their answers ----

/** Each question by its type: `[what the page sends, what the worker answers]`. */
export interface Questions {
  /** Tries again after "failed". The event `opened` comes before the answer. */
  open: [Record<never, never>, null];

  /** Reads data, checks them, and keeps files for the next visit. Events: `reading`, then `dataset`. */
  load: [{ readonly source: DataSource }, DatasetInfo];
  /** Deletes the stored data. */
  forget: [Record<never, never>, null];

  /** Starts a run on the data that were loaded. Answered when it has an id: events tell the rest. */
  start: [{ readonly settings: RunSettings }, { readonly run: string }];
  /** After the step under way, with a snapshot; answered when paused. */
  pause: [Record<never, never>, null];
  /** Goes on: the paused run, or any resumable one by its id, with the same bits as without the break. It loads its data by itself if it can. */
  resume: [{ readonly run?: string }, { readonly run: string }];
  /** Ends the run, with a snapshot; it stays listed, and resumable. */
  stop: [Record<never, never>, null];
  /** From the next step on; the recipe's schedule goes on from there. */
  "learning-rate": [{ readonly lr: number }, null];
  delete: [{ readonly run: string }, null];

  /** Answers of a model for images of the test set. */
  predict: [{ readonly model?: ModelKind; readonly images: readonly number[] }, readonly TestImage[]];
  /** Over the whole test set that is in use. Events: `answering`. Null if it was ended before. */
  confusion: [{ readonly model?: ModelKind }, Confusion | null];
  "end-confusion": [Record<never, never>, null];
  /** Weights of the first convolution `[out, height, width, in]`. */
  filters: [{ readonly model?: ModelKind }, Planes];
  /** Output of one layer for one picture, `[height, width, channels]` or `[features]`. */
  activations: [{ readonly model?: ModelKind; readonly picture: Picture; readonly layer: string }, Planes];
  /** Top five, best first. */
  classify: [{ readonly model?: ModelKind; readonly picture: Picture }, readonly Guess[]];
  /** Where the time of a training step goes. Runs one on a copy of the model: the run isn't touched. */
  profile: [Record<never, never>, Profile];

  /** A model as `.safetensors`, which Node reads too: `npm run cifar100 -- --evaluate FILE`. */
  save: [{ readonly model?: ModelKind }, { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }];
  /** A checkpoint of this page or of Node becomes the model "loaded". */
  "load-model": [{ readonly file: File }, ModelInfo];

  /** Only while no run is training. Events: `benchmark`. */
  benchmark: [Record<never, never>, BenchResult];
  /** The benchmark under way ends; its question is answered with what was measured. */
  "end-benchmark": [Record<never, never>, null];
}

export type QuestionType = keyof Questions;
export type Question<T extends QuestionType> = Questions[T][0];
export type Answer<T extends QuestionType> = Questions[T][1];

/** Where `model` is left out: the run's if there is one, else the loaded, else the pretrained one. */
export type PageMessage = {
  readonly [T in QuestionType]: { readonly id: number; readonly type: T } & Question<T>;
}[QuestionType];

// ---- Events ----

/** Comes first, and after each `open`. */
export interface Opened {
  readonly type: "opened";
  readonly adapter: AdapterInfo;
  readonly recipes: readonly RecipeInfo[];
  /** What to start with on this adapter: smaller on a software adapter. */
  readonly suggested: RunSettings;
  /** Data of an earlier visit. */
  readonly stored?: { readonly name: string; readonly bytes: number };
  /** Why nothing is kept for the next visit, in a sentence: no storage, or another tab has it. */
  readonly notKept?: string;
}

export type WorkerEvent =
  | Opened
  | { readonly type: "status"; readonly status: Status }
  | { readonly type: "problem"; readonly problem: Problem }
  /** Bytes of the files that were read, of those there are. */
  | { readonly type: "reading"; readonly file: string; readonly done: number; readonly total: number }
  | { readonly type: "dataset"; readonly dataset: DatasetInfo }
  /** All runs, newest first: at the start, and whenever one begins, ends or is deleted. */
  | { readonly type: "runs"; readonly runs: readonly RunSummary[] }
  /** All models that there are, whenever that changes. */
  | { readonly type: "models"; readonly models: readonly ModelInfo[] }
  | {
      readonly type: "compiling";
      readonly done: number;
      readonly total: number;
      readonly kernel: string;
    }
  /** At most ten a second. */
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "point"; readonly run: string; readonly point: CurvePoint }
  /** After the validation; `confusion` is of the answers it gave. */
  | {
      readonly type: "epoch";
      readonly run: string;
      readonly entry: EpochEntry;
      readonly confusion: Confusion;
    }
  /** Images of the test set that a model answered, of those it was asked for. */
  | { readonly type: "answering"; readonly done: number; readonly total: number }
  /** Kept for a reload. */
  | { readonly type: "snapshot"; readonly run: string; readonly iteration: number; readonly bytes: number }
  | { readonly type: "benchmark"; readonly done: number; readonly total: number; readonly name: string };

export type WorkerMessage =
  | {
      readonly type: "answer";
      readonly id: number;
      readonly value: Answer<QuestionType>;
    }
  | { readonly type: "refusal"; readonly id: number; readonly problem: Problem }
  | WorkerEvent;
