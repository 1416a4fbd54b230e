/** All that the views are drawn from, and the actions that change it. */
import type {
  AdapterInfo,
  BenchResult,
  Confusion,
  DatasetInfo,
  Guess,
  ModelInfo,
  ModelKind,
  Planes,
  Problem,
  Profile,
  Progress,
  QuestionType,
  RecipeInfo,
  RunSettings,
  RunSummary,
  Status,
  TestImage,
  WorkerEvent,
} from "../protocol.ts";

export const tabNames = ["train", "look", "classify", "runs", "benchmark"] as const;
export type TabName = (typeof tabNames)[number];

export type SourceKind = "synthetic" | "stored" | "files";

/** A message that stands above the tabs until it's closed or its cause is gone. */
export interface Notice {
  readonly id: number;
  readonly about: NoticeSubject;
}

export type NoticeSubject =
  | { readonly kind: "problem"; readonly problem: Problem }
  | { readonly kind: "hidden"; readonly seconds: number; readonly steps: number }
  | { readonly kind: "not-kept"; readonly reason: string }
  | { readonly kind: "done"; readonly message: string };

/** A picture for Classify: as it was, for the eye, and its 3072 bytes. */
export interface ChosenPicture {
  readonly name: string;
  readonly pixels: Uint8Array<ArrayBuffer>;
}

/** What the worker answered last; the model is that of the question. */
export interface Results {
  readonly predictions?: readonly TestImage[] | undefined;
  readonly confusion?: { readonly model: ModelKind; readonly of: Confusion } | undefined;
  readonly filters?: Planes | undefined;
  readonly activations?: Planes | undefined;
  readonly profile?: Profile | undefined;
  readonly guesses?: readonly Guess[] | undefined;
  readonly benchmark?: BenchResult | undefined;
}

export interface State extends Results {
  readonly tab: TabName;
  readonly status: Status;
  readonly notices: readonly Notice[];
  readonly lastNotice: number;
  /** Questions that wait for their answer. */
  readonly pending: ReadonlySet<QuestionType>;
  readonly adapter?: AdapterInfo;
  readonly recipes: readonly RecipeInfo[];
  /** The form's settings, once the recipes are known. */
  readonly settings?: RunSettings;
  readonly source: SourceKind;
  readonly stored?: { readonly name: string; readonly bytes: number } | undefined;
  readonly reading?: { readonly file: string; readonly done: number; readonly total: number } | undefined;
  readonly dataset?: DatasetInfo;
  /** Newest first. */
  readonly runs: readonly RunSummary[];
  /** The run under way, or the last one. */
  readonly run?: string | undefined;
  readonly progress?: Progress | undefined;
  readonly compiling?: { readonly done: number; readonly total: number; readonly kernel: string } | undefined;
  readonly models: readonly ModelInfo[];
  /** The one that Look inside and Classify ask; undefined for the worker's own choice. */
  readonly model?: ModelKind | undefined;
  /** The first of the test images that are shown. */
  readonly firstImage: number;
  /** The one whose activations are shown. */
  readonly image: number;
  readonly layer?: string;
  readonly picture?: ChosenPicture;
  /** Runs whose curves are compared. */
  readonly compared: readonly string[];
  /** Test images that the model answered, while the confusions are counted. */
  readonly answering?: { readonly done: number; readonly total: number } | undefined;
  readonly benchmarking?:
    | { readonly done: number; readonly total: number; readonly name: string }
    | undefined;
}

export const initialState: State = {
  tab: "train",
  status: "opening",
  notices: [],
  lastNotice: 0,
  pending: new Set(),
  recipes: [],
  source: "synthetic",
  runs: [],
  models: [],
  firstImage: 0,
  image: 0,
  compared: [],
};

export type Action =
  | WorkerEvent
  | { readonly type: "asked" | "settled"; readonly question: QuestionType }
  | { readonly type: "result"; readonly result: Results }
  | { readonly type: "notice"; readonly about: NoticeSubject }
  | { readonly type: "dismiss"; readonly id: number }
  | { readonly type: "tab"; readonly tab: TabName }
  | { readonly type: "edit"; readonly settings: Partial<RunSettings> }
  | { readonly type: "recipe"; readonly name: string }
  | { readonly type: "source"; readonly source: SourceKind }
  | { readonly type: "forgotten" }
  | { readonly type: "run"; readonly run: string }
  | { readonly type: "model"; readonly model: ModelKind }
  | { readonly type: "images"; readonly first: number }
  | { readonly type: "image"; readonly image: number }
  | { readonly type: "layer"; readonly layer: string }
  | { readonly type: "picture"; readonly picture: ChosenPicture }
  | { readonly type: "compare"; readonly run: string; readonly shown: boolean };
