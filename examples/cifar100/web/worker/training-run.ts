/** One run on a GPU of its own: trains until it's through or told to stop, keeps snapshots, tells what it does. */
import { type data, type Gpu, train } from "wgrad";
import { Predictions } from "wgrad/node";
import type { Plan } from "../../plan.ts";
import { type Estimate, Speed } from "../../speed.ts";
import type { CurvePoint, EpochEntry, Progress, RunSummary, Status, WorkerEvent } from "../protocol.ts";
import { Curve, stepsBetweenPoints } from "./curve.ts";
import { confusionOf, groupsOf } from "./dataset-info.ts";
import type { RunRecord } from "./run-record.ts";
import type { RunStore } from "./run-store.ts";

export interface RunParts {
  readonly gpu: Gpu;
  readonly plan: Plan;
  readonly set: data.DataSet;
  /** The test images in the host's memory. */
  readonly test: data.ImageSet;
  readonly record: RunRecord;
  readonly store: RunStore;
  /** Where an earlier part of the run ended. */
  readonly start?: train.TrainState | undefined;
  readonly emit: (event: WorkerEvent) => void;
  readonly onStatus: (status: Status) => void;
  /** Told why something couldn't be kept: that stops no training. */
  readonly onTrouble: (error: unknown) => void;
}

/** The page is told at most so often. */
const millisecondsBetween = 100;

export class TrainingRun {
  readonly gpu: Gpu;
  readonly plan: Plan;
  readonly test: data.ImageSet;
  readonly #parts: RunParts;
  readonly #curve: Curve;
  readonly #predictions: Predictions;
  #record: RunRecord;
  #state: train.TrainState | undefined;
  #stop = new AbortController();
  #told = Number.NEGATIVE_INFINITY;
  #untold: CurvePoint[] = [];
  #speed: Speed;
  #epoch: number;
  #snapshots = false;

  constructor(parts: RunParts) {
    const { gpu, plan, test, record, start, set } = parts;
    this.#parts = parts;
    this.gpu = gpu;
    this.plan = plan;
    this.test = test;
    this.#record = record;
    this.#state = start;
    this.#snapshots = start !== undefined;
    this.#curve = new Curve(record.curve, start?.iteration);
    this.#speed = new Speed(set.test.count);
    this.#predictions = new Predictions(set.test.count);
    this.#epoch = start ? fractionOf(start, set.train.count) : 0;
  }

  get record(): RunRecord {
    return this.#record;
  }

  /** Whether a snapshot was kept. */
  get resumable(): boolean {
    return this.#snapshots;
  }

  /** Test images in use. */
  get testCount(): number {
    return this.#parts.set.test.count;
  }

  /** From the next step on; the schedule goes on from there. */
  setRate(lr: number): void {
    const { optimizer, fit } = this.plan;
    const base = fit.schedule?.(this.#epoch) ?? optimizer.lr;
    this.#record = { ...this.#record, rateScale: lr / base };
    optimizer.lr = lr;
  }

  /** Ends `train` after the step under way. */
  stop(): void {
    this.#stop.abort();
  }

  /**
   * Goes on with the run. Same bits whether it's stopped on the way or not.
   * @param onStopped what the run is where it was told to stop
   * @returns false if it was told to stop; then there is a snapshot
   */
  async train(onStopped: () => "paused" | "stopped"): Promise<boolean> {
    const { plan, set, onStatus, emit } = this.#parts;
    this.#stop = new AbortController();
    await this.#change("running");
    onStatus("preparing");
    this.#speed = new Speed(set.test.count);
    const { batch, seed, epochs } = this.#record.settings;
    const metricsEvery = stepsBetweenPoints((epochs * set.train.count) / batch);
    const { schedule = () => plan.optimizer.lr } = plan.fit;
    const result = await train.fit(plan.model, plan.optimizer, set, {
      ...plan.fit,
      ...{ epochs, batch, seed, metricsEvery },
      schedule: (epoch) => schedule(epoch) * this.#record.rateScale,
      signal: this.#stop.signal,
      start: this.#state,
      onCompile: (done, total, kernel) => emit({ type: "compiling", done, total, kernel }),
      onProgress: (progress) => this.#progress(progress, this.#speed.update(progress)),
      onLogits: this.#predictions.add,
      onEpoch: (entry, state) => this.#endEpoch(entry, state),
    });
    this.#tellPoints();
    this.#state = result.state;
    this.#record = { ...this.#record, iteration: result.state.iteration, curve: this.#curve.points };
    if (!result.finished) await this.#snapshot(result.state);
    await this.#change(result.finished ? "finished" : onStopped());
    return result.finished;
  }

  /** A paused run is over. */
  async end(): Promise<void> {
    await this.#change("stopped");
  }

  /** Keeps what the run has become. */
  async #change(status: RunSummary["status"]): Promise<void> {
    this.#record = { ...this.#record, status };
    try {
      await this.#parts.store.save(this.#record);
    } catch (error) {
      this.#parts.onTrouble(error);
    }
  }

  /** After `train` threw. */
  async fail(status: "interrupted" | "stopped"): Promise<void> {
    this.#record = { ...this.#record, curve: this.#curve.points };
    await this.#change(status);
  }

  #progress(progress: train.Progress, estimate: Estimate | undefined): void {
    const { emit, onStatus } = this.#parts;
    const { epoch, epochs, iteration, position, imagesPerEpoch, metrics, phase, validated } = progress;
    this.#epoch = epoch + position / imagesPerEpoch;
    onStatus(phase === "training" ? "training" : "validating");
    const point = this.#curve.update(progress);
    if (point) this.#untold.push(point);
    const now = performance.now();
    if (now - this.#told < millisecondsBetween) return;
    this.#told = now;
    this.#tellPoints();
    const shown: Progress = {
      run: this.#record.id,
      ...{ phase, epochs, iteration },
      epoch: this.#epoch,
      lr: this.plan.optimizer.lr,
      ...(metrics && { loss: metrics.loss, accuracy: metrics.accuracy }),
      ...estimate,
      validated: phase === "validation" ? validated / this.testCount : 0,
    };
    emit({ type: "progress", progress: shown });
  }

  #tellPoints(): void {
    const { emit } = this.#parts;
    for (const point of this.#untold.splice(0)) emit({ type: "point", run: this.#record.id, point });
  }

  async #endEpoch(entry: train.LogEntry, state: train.TrainState): Promise<void> {
    const { emit, test, set } = this.#parts;
    const { id, epochs } = this.#record;
    const shown = entryOf(entry);
    this.#speed.endEpoch(set.train.count, shown.imagesPerSecond);
    this.#tellPoints();
    this.#state = state;
    this.#record = {
      ...this.#record,
      iteration: entry.iteration,
      epochs: [...epochs, shown],
      curve: this.#curve.points,
    };
    const { classes } = await this.#predictions.read();
    const confusion = confusionOf(groupsOf(test), test.labels, classes, this.testCount);
    emit({ type: "epoch", run: id, entry: shown, confusion });
    await this.#snapshot(state);
    await this.#change("running");
  }

  async #snapshot(state: train.TrainState): Promise<void> {
    const { gpu, store, emit, onTrouble } = this.#parts;
    const { id, iteration } = this.#record;
    const snapshot = await train.captureRun(gpu, this.plan, state, JSON.parse(JSON.stringify(this.#record)));
    try {
      const bytes = await store.saveSnapshot(id, snapshot);
      this.#snapshots = true;
      emit({ type: "snapshot", run: id, iteration, bytes });
    } catch (error) {
      onTrouble(error);
    }
  }
}

function entryOf(entry: train.LogEntry): EpochEntry {
  return {
    epoch: entry.epoch,
    iteration: entry.iteration,
    loss: entry["main/loss"],
    accuracy: entry["main/accuracy"],
    validationLoss: entry["validation/main/loss"],
    validationAccuracy: entry["validation/main/accuracy"],
    lr: entry.lr,
    elapsedSeconds: entry.elapsed_time,
    imagesPerSecond: entry.images_per_second,
  };
}

function fractionOf({ epoch, data: { position } }: train.TrainState, images: number): number {
  return epoch + position / images;
}
