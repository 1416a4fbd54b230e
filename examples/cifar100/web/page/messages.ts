/** What the page says: the state in a few words, and notices with a way on. */
import type { ProblemKind, Status } from "../protocol.ts";
import { count, duration, plural } from "./format.ts";
import type { NoticeSubject, State } from "./state.ts";

export type Tone = "quiet" | "good" | "busy" | "caution" | "bad";

/** What a notice's button does. */
export type WayOn = "open" | "reload";

export interface Message {
  readonly tone: Tone;
  readonly title: string;
  readonly text: string;
  readonly way?: { readonly label: string; readonly does: WayOn };
}

const tones: Readonly<Record<Status, Tone>> = {
  opening: "busy",
  idle: "good",
  loading: "busy",
  preparing: "busy",
  training: "busy",
  validating: "busy",
  pausing: "busy",
  paused: "caution",
  benchmarking: "busy",
  failed: "bad",
};

const words: Readonly<Record<Status, string>> = {
  opening: "Opening the GPU",
  idle: "Ready",
  loading: "Reading data",
  preparing: "Compiling kernels",
  training: "Training",
  validating: "Validating",
  pausing: "Pausing",
  paused: "Paused",
  benchmarking: "Measuring",
  failed: "No GPU",
};

export function toneOf(status: Status): Tone {
  return tones[status];
}

/** Short, for the header and for those who listen: it changes a few times a minute at most. */
export function stateInWords({ status, progress }: State): string {
  const running =
    status === "training" || status === "validating" || status === "pausing" || status === "paused";
  if (!running || !progress) return words[status];
  const epoch = Math.min(progress.epochs, Math.floor(progress.epoch) + (status === "validating" ? 0 : 1));
  return `${words[status]}, epoch ${Math.max(1, epoch)} of ${progress.epochs}`;
}

/** What the adapter is called. */
export function adapterInWords({ adapter, status }: State): string {
  if (!adapter) return status === "failed" ? "No adapter" : "Looking for an adapter";
  const { name, isSoftware } = adapter;
  return isSoftware ? `${name} · software: computes on the processor` : name;
}

const titles: Readonly<Record<ProblemKind, string>> = {
  "no-webgpu": "This browser has no WebGPU",
  insecure: "This address isn't secure",
  "no-adapter": "No GPU was found",
  "device-lost": "The GPU was lost",
  "wrong-file": "This file can't be used",
  storage: "Nothing can be kept",
  memory: "This doesn't fit into the GPU's memory",
  diverged: "The loss isn't finite any more",
  busy: "Not now",
  invalid: "A setting is out of range",
  failed: "That went wrong",
};

const ways: Partial<Record<ProblemKind, Message["way"]>> = {
  "no-webgpu": { label: "Try again", does: "reload" },
  insecure: { label: "Try again", does: "reload" },
  "no-adapter": { label: "Try again", does: "open" },
  "device-lost": { label: "Open the GPU again", does: "open" },
  failed: { label: "Reload the page", does: "reload" },
};

const gentle: readonly ProblemKind[] = ["storage", "busy", "invalid"];

export function messageOf(about: NoticeSubject): Message {
  switch (about.kind) {
    case "problem": {
      const { kind, message, advice } = about.problem;
      const way = ways[kind];
      return {
        tone: gentle.includes(kind) ? "caution" : "bad",
        title: titles[kind],
        text: `${message} ${advice}`,
        ...(way && { way }),
      };
    }
    case "hidden":
      return {
        tone: "caution",
        title: `This tab was hidden for ${duration(about.seconds)}`,
        text:
          about.steps > 0
            ? `Training went on: ${plural(about.steps, "step")}. Browsers slow down what nobody sees: for full speed keep the tab in view.`
            : "Training stood still: this browser stops what nobody sees. Keep the tab in view, in a window of its own if need be.",
      };
    case "not-kept":
      return {
        tone: "caution",
        title: "Nothing is kept for the next visit",
        text: `${about.reason} Save a checkpoint before you leave.`,
      };
    case "done":
      return { tone: "good", title: "", text: about.message };
  }
}

/** Of the pairs of superclasses that are taken for each other most often. */
export interface Mistake {
  readonly truth: string;
  readonly answer: string;
  readonly count: number;
  readonly of: number;
}

export function mistakeInWords({ truth, answer, count: images, of }: Mistake): string {
  return `${truth} taken for ${answer}: ${count(images)} of ${count(of)}`;
}
