/** What goes wrong, in the page's terms. */
import { data, MemoryError, NoAdapterError, nn, train } from "wgrad";
import type { Problem, ProblemKind } from "../protocol.ts";

/** A problem on its way to the page. */
export class WorkerProblem extends Error {
  override readonly name = "WorkerProblem";
  readonly problem: Problem;

  constructor(kind: ProblemKind, message: string, advice: string, options?: ErrorOptions) {
    super(`${message} ${advice}`, options);
    this.problem = { kind, message, advice };
  }
}

const kinds: readonly (readonly [(error: Error) => boolean, ProblemKind, string])[] = [
  [
    (error) => error instanceof NoAdapterError,
    "no-adapter",
    "Turn on hardware acceleration, or use a current Chrome, Edge, Firefox or Safari; then try again.",
  ],
  [(error) => error instanceof data.DatasetError, "wrong-file", "Pick the archive or its two files again."],
  [
    (error) => error instanceof nn.SafetensorsError,
    "wrong-file",
    "Pick a checkpoint that this page or npm run cifar100 saved.",
  ],
  [(error) => error instanceof MemoryError, "memory", "Start again with a smaller batch or a smaller width."],
  [(error) => error instanceof train.DivergedError, "diverged", "Start again with a lower learning rate."],
  [
    (error) => error.name === "QuotaExceededError",
    "storage",
    "Delete runs or the stored data, or free space on the disk.",
  ],
  [(error) => /device (was|is) lost/i.test(error.message), ...lost()],
];

/** What to show for anything that was thrown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof WorkerProblem) return error.problem;
  if (!(error instanceof Error))
    return { kind: "failed", message: inPageTerms(String(error)), advice: lastAdvice };
  const message = inPageTerms(error.message);
  const known = kinds.find(([isKind]) => isKind(error));
  return { kind: known?.[1] ?? "failed", message, advice: known?.[2] ?? lastAdvice };
}

/** A sentence, in which the page's user finds what to do on the page. */
export function inPageTerms(message: string): string {
  const text = message
    .replace(/^\[\w+\] /, "")
    .replace("pass { verify: false } for a set of your own in this format", "allow other sets in this format")
    .replace("with checkNumerics", "with npm run cifar100 -- --check-numerics");
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;
}

const lastAdvice = "Reload the page; runs go on from their last snapshot.";

export function deviceLost(reason: string): WorkerProblem {
  return new WorkerProblem(
    "device-lost",
    `The GPU was lost${reason === "" ? "" : ` (${reason.trim().replace(/\.$/, "")})`}; the steps since the last snapshot with it.`,
    lost()[1],
  );
}

function lost(): readonly [ProblemKind, string] {
  return ["device-lost", "Open the GPU again and resume the run from its snapshot."];
}

export function busy(message: string, advice: string): WorkerProblem {
  return new WorkerProblem("busy", message, advice);
}

/** @throws WorkerProblem where there is no WebGPU to ask for an adapter */
export function requireWebGpu(): void {
  if (navigator.gpu) return;
  if (!globalThis.isSecureContext) {
    throw new WorkerProblem(
      "insecure",
      "Browsers keep WebGPU and storage from pages that come over plain HTTP.",
      "Open the page over HTTPS, or on this machine as http://127.0.0.1.",
    );
  }
  throw new WorkerProblem(
    "no-webgpu",
    "This browser has no WebGPU.",
    "Use Chrome or Edge 113 or later, Safari 26, or Firefox 141; on Linux it may have to be turned on in the settings.",
  );
}
