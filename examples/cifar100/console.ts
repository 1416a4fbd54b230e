/**
 * What the user sees: Chainer's table, and on a terminal two progress bars below it. Into a file go plain lines only: no
 * carriage return, no escape sequence.
 */
import { MultiBar, Presets, type SingleBar } from "cli-progress";
import type { train } from "wgrad";
import type { DownloadProgress } from "wgrad/node";
import type { Estimate } from "./speed.ts";

const columns = [
  "epoch",
  "main/loss",
  "validation/main/loss",
  "main/accuracy",
  "validation/main/accuracy",
  "elapsed_time",
] as const;
const widths = columns.map((name) => Math.max(10, name.length));

export class Console {
  readonly #isTerminal = process.stdout.isTTY === true;
  #bars: MultiBar | undefined;
  #total: SingleBar | undefined;
  #part: SingleBar | undefined;
  #began: number | undefined;
  #isEstimated = false;

  /** A line, above the bars where there are some. */
  line(text: string): void {
    if (!this.#bars) {
      process.stdout.write(`${text}\n`);
      return;
    }
    this.#bars.log(`${text}\n`);
    this.#bars.update();
  }

  /** A data set that is being downloaded: a bar, or nothing but the lines around it. */
  downloading({ received, total }: DownloadProgress): void {
    if (!this.#isTerminal) return;
    this.#start();
    this.#part?.setTotal(total ?? received);
    const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
    const text = `${megabytes(received)} of ${total === undefined ? "?" : megabytes(total)} MB`;
    this.#part?.update(received, { name: "download", text });
    if (received === total) this.#part?.update(0, { name: "this epoch", text: "" });
  }

  /** Kernels compiled before the first step: a bar, or nothing but a line at the start. */
  compiling(done: number, total: number, kernel: string): void {
    if (!this.#isTerminal) {
      if (done === 0) this.line(`compiling ${total} kernels`);
      return;
    }
    this.#start();
    this.#part?.setTotal(total);
    this.#part?.update(done, { name: "compiling", text: `${done} of ${total} kernels  ${kernel}` });
    if (done === total) this.#part?.update(0, { name: "this epoch", text: "" });
  }

  header(): void {
    this.line(
      columns
        .map((name, k) => name.padEnd(widths[k] ?? 0))
        .join("  ")
        .trimEnd(),
    );
  }

  row(entry: train.LogEntry): void {
    const cells = columns.map((name, k) => significant(entry[name]).padEnd(widths[k] ?? 0));
    this.line(cells.join("  ").trimEnd());
  }

  /** @param estimate once it is known */
  progress(progress: train.Progress, estimate: Estimate | undefined): void {
    if (this.#isTerminal) this.#draw(progress, estimate);
    else this.#estimateOnce(progress, estimate);
  }

  #draw(progress: train.Progress, estimate: Estimate | undefined): void {
    this.#start();
    const { epochs, iteration, position, imagesPerEpoch, phase } = progress;
    const allImages = epochs * imagesPerEpoch;
    const images = Math.min(progress.epoch * imagesPerEpoch + position, allImages);
    this.#total?.setTotal(allImages);
    this.#total?.update(images, {
      name: "total",
      text: `${iteration} iter, ${progress.epoch} epoch / ${epochs} epochs. ${described(progress, estimate)}`,
    });
    this.#part?.setTotal(imagesPerEpoch);
    if (phase === "validation") {
      this.#part?.update(imagesPerEpoch, {
        name: "this epoch",
        text: `validating, ${progress.validated} images`,
      });
      return;
    }
    const { metrics } = progress;
    const text = metrics
      ? `loss ${metrics.loss.toFixed(3)}, accuracy ${metrics.accuracy.toFixed(3)} so far`
      : "";
    this.#part?.update(position, { name: "this epoch", text });
  }

  /** Takes the bars away. */
  end(): void {
    this.#bars?.stop();
    this.#bars = undefined;
  }

  #start(): void {
    if (this.#bars) return;
    const format = "{name} [{bar}] {percentage}%  {text}";
    this.#bars = new MultiBar(
      {
        format,
        hideCursor: true,
        clearOnComplete: true,
        barsize: 30,
        fps: 4,
        gracefulExit: false,
        linewrap: false,
        stream: process.stdout, // with the lines: standard error may be a file
      },
      Presets.legacy,
    );
    this.#total = this.#bars.create(1, 0, { name: "     total", text: "" });
    this.#part = this.#bars.create(1, 0, { name: "this epoch", text: "" });
  }

  /** Into a file goes one estimate, after some seconds of training. */
  #estimateOnce(progress: train.Progress, estimate: Estimate | undefined): void {
    this.#began ??= performance.now();
    if (this.#isEstimated || !estimate || performance.now() - this.#began < firstEstimate) return;
    this.#isEstimated = true;
    this.line(described(progress, estimate));
  }
}

const firstEstimate = 5000;

/** As Chainer's progress bar says it. */
function described({ batch }: train.Progress, estimate: Estimate | undefined): string {
  if (!estimate) return "Estimated time to finish: unknown";
  const { imagesPerSecond, secondsLeft } = estimate;
  const speed = Number((imagesPerSecond / batch).toPrecision(3));
  return `${speed} iters/sec. Estimated time to finish: ${clock(secondsLeft)}.`;
}

/** Six significant digits, as Chainer's `%g`. */
function significant(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : String(value);
}

/** Seconds as h:mm:ss. */
export function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}
