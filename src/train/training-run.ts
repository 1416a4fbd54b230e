/**
 * The training loop: a step for each batch, validation and a log entry after each epoch.
 *
 * The host stays a few steps ahead and waits for nothing else: batches are gathered on the GPU, metrics add up there and
 * are looked at now and then. Everything a step depends on is in the state, the model and the optimiser, so a run that was stopped
 * anywhere goes on with the bits that it would have had.
 */
import type { Batch, DataSet } from "../data/gpu-images.ts";
import { clipGradNorm } from "../nn/optim/clip-grad-norm.ts";
import { Metrics, type MetricsResult } from "../tensor/ops/metrics.ts";
import { softmaxCrossEntropy } from "../tensor/ops/softmax-cross-entropy.ts";
import type { RecordedStep } from "../tensor/record.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Classifier } from "./evaluate.ts";
import { evaluateInOrder, evaluationStep } from "./evaluation.ts";
import { DivergedError, type FitOptimizer, type FitOptions, type FitResult, type Progress } from "./fit.ts";
import { type MemoryNeed, memoryNeed, requireFit } from "./memory.ts";
import { Pace } from "./pace.ts";
import type { LogEntry, TrainState } from "./state.ts";

/** The metrics are looked at at least so often. */
const mostMilliseconds = 5000;

export class TrainingRun {
  readonly #model: Classifier;
  readonly #optimizer: FitOptimizer;
  readonly #set: DataSet;
  readonly #options: FitOptions;
  readonly #batches;
  readonly #metrics: Metrics;
  readonly #pace: Pace;
  readonly #recorded: RecordedStep<[], void>;
  readonly #log: LogEntry[];
  readonly #began = performance.now();
  readonly #elapsedBefore: number;
  #isPrepared = false;
  #untilProfile = 3;
  #iteration: number;
  #epochSeconds: number;
  #unreported: boolean;
  #seen: MetricsResult | undefined;
  #failure: unknown;

  constructor(model: Classifier, optimizer: FitOptimizer, set: DataSet, options: FitOptions) {
    const { start, epochs, augment, clipNorm, seed = 0 } = options;
    if (!Number.isSafeInteger(epochs) || epochs < 1)
      throw new Error(`[fit] 'epochs' must be a positive integer, but got ${epochs}`);
    if (clipNorm !== undefined && !(clipNorm > 0))
      throw new Error(`[fit] 'clipNorm' must be above 0, but got ${clipNorm}; leave it out to clip nothing`);
    this.#model = model;
    this.#optimizer = optimizer;
    this.#set = set;
    this.#options = options;
    const batch = start?.batch ?? options.batch ?? 128;
    this.#batches = set.train.shuffled({ batch, seed, augment, ...(start && { start: start.data }) });
    this.#metrics = new Metrics(set.train.gpu);
    if (start) this.#metrics.restore(start.metrics);
    this.#pace = new Pace(set.train.gpu);
    this.#recorded = set.train.gpu.record(() => this.#step());
    this.#log = [...(start?.log ?? [])];
    this.#iteration = start?.iteration ?? 0;
    this.#elapsedBefore = start?.elapsedTime ?? 0;
    this.#epochSeconds = start?.epochSeconds ?? 0;
    this.#unreported = start?.unreported ?? false;
  }

  async finish(): Promise<FitResult> {
    try {
      return await this.#run();
    } catch (error) {
      throw this.#withStep(error);
    } finally {
      this.#recorded.release();
    }
  }

  async #run(): Promise<FitResult> {
    const { signal, stopWhen } = this.#options;
    for (;;) {
      if (signal?.aborted) return { finished: false, stoppedEarly: false, state: await this.#state() };
      if (this.#unreported) await this.#report();
      else if (!this.#isThrough && !stopWhen?.(this.#log)) await this.#trainUntilReport();
      else return { finished: true, stoppedEarly: !this.#isThrough, state: await this.#state() };
    }
  }

  /** Whether no step is left. */
  get #isThrough(): boolean {
    return this.#batches.epoch >= this.#options.epochs;
  }

  /** Before the first work, if there is any: a resumed run may be at its end. */
  async #prepare(): Promise<void> {
    if (this.#isPrepared) return;
    this.#isPrepared = true;
    const need = this.#requireMemory();
    this.#options.onMemory?.(need);
    await this.#precompile();
  }

  async #precompile(): Promise<void> {
    const { train, test } = this.#set;
    const pass = test.passInOrder(this.#evaluateBatch);
    // The last batch of a validation may be smaller, and small ones have convolutions of their own.
    const sizes = new Set([pass.size, test.count % pass.size || pass.size]);
    const everything = () => {
      if (!this.#isThrough) {
        this.#step(this.#options.onGraph);
        this.#optimizer.rehearse?.();
      }
      for (const size of sizes) evaluationStep(this.#validated, pass.gather(size), this.#metrics);
    };
    await train.gpu.precompile(everything, this.#options.onCompile);
  }

  /** @throws MemoryError if the batch needs more than there is */
  #requireMemory(): MemoryNeed {
    const { memoryLimit = Number.POSITIVE_INFINITY, evaluateBatch } = this.#options;
    const { gpu, shape } = this.#set.train;
    const batchOf = (count: number): Batch => ({
      images: gpu.empty([count, ...shape]),
      labels: gpu.empty([count], "i32"),
      count,
    });
    return requireFit(this.#batches.batch, memoryLimit, (batch) =>
      memoryNeed(gpu, this.#set, [
        () => this.#step(undefined, batchOf(batch)),
        () => evaluationStep(this.#validated, batchOf(evaluateBatch ?? batch), this.#metrics),
      ]),
    );
  }

  /** The model as the validation runs it. */
  get #validated(): Classifier {
    if (!this.#options.checkNumerics) return this.#model;
    const { gpu } = this.#set.train;
    return { forward: (x, options) => gpu.checkNumerics(() => this.#model.forward(x, options)) };
  }

  get #evaluateBatch(): number {
    return this.#options.evaluateBatch ?? this.#batches.batch;
  }

  /** A find of `checkNumerics`, with when it was. */
  #withStep(error: unknown): unknown {
    if (!(error instanceof Error && error.message.startsWith("[numerics]"))) return error;
    const { epoch } = this.#batches;
    const when = this.#unreported ? `the validation of epoch ${epoch}` : `iteration ${this.#iteration}`;
    return new DivergedError(`${error.message}, in ${when}`, { cause: error });
  }

  /** The commands of one step. */
  #step(onLoss?: (loss: Tensor) => void, batch?: Batch): void {
    const learn = () => this.#learn(batch ?? this.#batches.gather(), onLoss);
    if (this.#options.checkNumerics) this.#set.train.gpu.checkNumerics(learn);
    else learn();
  }

  #learn({ images, labels }: Batch, onLoss?: (loss: Tensor) => void): void {
    const logits = this.#model.forward(images, { training: true });
    const { labelSmoothing = 0, clipNorm } = this.#options;
    const loss = softmaxCrossEntropy(logits, labels, { labelSmoothing });
    this.#metrics.add(loss, logits, labels);
    onLoss?.(loss);
    loss.backward();
    if (clipNorm !== undefined) clipGradNorm(this.#optimizer.parameters, clipNorm);
    this.#optimizer.step();
  }

  /** Steps of the whole run. */
  get #iterations(): number {
    return Math.ceil((this.#options.epochs * this.#set.train.count) / this.#batches.batch);
  }

  /** Steps to the end of the epoch, or to the stop. */
  async #trainUntilReport(): Promise<void> {
    const { signal, schedule, metricsEvery = 100 } = this.#options;
    await this.#prepare();
    const epoch = this.#batches.epoch;
    const began = performance.now();
    let looked = began;
    let looking: Promise<void> | undefined;
    while (this.#batches.epoch === epoch && !signal?.aborted) {
      if (schedule)
        this.#optimizer.lr = schedule(epoch + this.#batches.state.position / this.#set.train.count);
      await this.#takeStep();
      this.#batches.advance();
      this.#iteration += 1;
      this.#optimizer.advance?.(Math.min(1, this.#iteration / this.#iterations));
      await this.#pace.step();
      if (this.#options.checkNumerics) await this.#metrics.read();
      else if (this.#iteration % metricsEvery === 0 || performance.now() - looked > mostMilliseconds) {
        looking = this.#look();
        looked = performance.now();
      }
      if (this.#failure) throw this.#failure;
      this.#options.onProgress?.(this.#progress("training", 0));
    }
    await this.#pace.finish();
    await looking;
    if (this.#failure) throw this.#failure;
    this.#check(await this.#metrics.read());
    this.#epochSeconds += (performance.now() - began) / 1000;
    this.#unreported = this.#batches.epoch > epoch;
  }

  async #takeStep(): Promise<void> {
    const { eager, onProfile } = this.#options;
    const { gpu } = this.#set.train;
    const step = eager ? () => gpu.scope(() => this.#step()) : this.#recorded;
    if (onProfile && this.#untilProfile-- === 0) await onProfile(await gpu.profile(step));
    else step();
  }

  /** Looks at the metrics; nobody need wait for it. */
  async #look(): Promise<void> {
    try {
      this.#check(await this.#metrics.read());
    } catch (error) {
      this.#failure ??= error;
    }
  }

  #check(metrics: MetricsResult): void {
    this.#seen = metrics;
    if (metrics.count > 0) this.#refuseDiverged("training", metrics.loss);
  }

  #refuseDiverged(phase: Progress["phase"], loss: number): void {
    if (Number.isFinite(loss)) return;
    const epoch = Math.ceil((this.#iteration * this.#batches.batch) / this.#set.train.count);
    throw new DivergedError(
      `[fit] the ${phase} loss is ${loss} at iteration ${this.#iteration} (epoch ${epoch}): training diverged; start again with ` +
        `a lower learning rate than ${this.#optimizer.lr}, or find the first NaN with checkNumerics`,
    );
  }

  /** Validates and logs the epoch that ended, unless stopped. */
  async #report(): Promise<void> {
    const { signal, onProgress, onEpoch } = this.#options;
    await this.#prepare();
    const began = performance.now();
    let validation: MetricsResult;
    try {
      validation = await evaluateInOrder(this.#validated, this.#set.test, {
        batch: this.#evaluateBatch,
        eager: this.#options.eager,
        signal,
        onLogits: this.#options.onLogits,
        onProgress: (done) => onProgress?.(this.#progress("validation", done)),
      });
    } catch (error) {
      if (signal?.aborted) return;
      throw error;
    }
    this.#refuseDiverged("validation", validation.loss);
    const training = await this.#metrics.read();
    const entry: LogEntry = {
      epoch: this.#batches.epoch,
      iteration: this.#iteration,
      "main/loss": training.loss,
      "main/accuracy": training.accuracy,
      "validation/main/loss": validation.loss,
      "validation/main/accuracy": validation.accuracy,
      lr: this.#optimizer.lr,
      elapsed_time: this.#elapsed(),
      images_per_second: training.count / this.#epochSeconds,
    };
    const seconds = { training: this.#epochSeconds, validation: (performance.now() - began) / 1000 };
    this.#metrics.reset();
    this.#seen = undefined;
    this.#epochSeconds = 0;
    this.#unreported = false;
    this.#log.push(entry);
    await onEpoch?.(entry, this.#snapshotState([0, 0, 0, 0]), seconds);
  }

  #progress(phase: Progress["phase"], validated: number): Progress {
    return {
      epoch: this.#batches.epoch,
      epochs: this.#options.epochs,
      iteration: this.#iteration,
      position: this.#batches.state.position,
      imagesPerEpoch: this.#set.train.count,
      batch: this.#batches.batch,
      metrics: this.#seen,
      phase,
      validated,
    };
  }

  #elapsed(): number {
    return this.#elapsedBefore + (performance.now() - this.#began) / 1000;
  }

  async #state(): Promise<TrainState> {
    return this.#snapshotState(await this.#metrics.state());
  }

  #snapshotState(metrics: readonly number[]): TrainState {
    return {
      epoch: this.#batches.epoch,
      iteration: this.#iteration,
      batch: this.#batches.batch,
      data: this.#batches.state,
      log: [...this.#log],
      elapsedTime: this.#elapsed(),
      epochSeconds: this.#epochSeconds,
      metrics,
      unreported: this.#unreported,
    };
  }
}
