/** Random streams: Philox4x32-10 keyed by the seed, one counter value per training draw, the counter on the GPU. */
import { rngDraw } from "../kernels/rng.ts";
import type { Gpu } from "./gpu.ts";
import type { Tensor } from "./tensor.ts";

/** What a snapshot keeps of a stream. */
export interface RngState {
  readonly seed: number;
  readonly draws: number;
}

/** A stream of random draws, from `gpu.rng(seed)`: counter-based (Philox4x32-10), its counter on the GPU. */
export class Rng {
  readonly gpu: Gpu;
  readonly seed: number;
  readonly #state: Tensor;

  /** @param seed a non-negative integer below 2^53 @internal Users call `gpu.rng`. */
  constructor(gpu: Gpu, seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new Error(`[rng] 'seed' must be an integer from 0 to 2^53 - 1, but got ${seed}`);
    }
    this.gpu = gpu;
    this.seed = seed;
    this.#state = gpu.tensor(stateWords(seed, 0), [4], { name: "rng state" }).keep();
  }

  /** The next draw's ticket: u32 `[seed low, seed high, draw low, draw high]`. Two calls never give the same one. */
  draw(): Tensor {
    const ticket = this.gpu.temporary([4], "u32");
    rngDraw(this.gpu.device, { ticket, state: this.#state, n: 1 });
    return ticket;
  }

  /** The tensor that says where the stream is. @internal */
  get counter(): Tensor {
    return this.#state;
  }

  /** Reads where the stream is. */
  async state(): Promise<RngState> {
    const [, , low = 0, high = 0] = await this.#state.data();
    return { seed: this.seed, draws: high * 2 ** 32 + low };
  }

  /** Puts the stream where `state` was read. @throws Error for the state of another seed, or none */
  restore(state: RngState): void {
    if (state.seed !== this.seed) {
      throw new Error(`[rng] the state has seed ${state.seed}, but this stream has seed ${this.seed}`);
    }
    if (!Number.isSafeInteger(state.draws) || state.draws < 0)
      throw new Error(`[rng] 'draws' of the state must be an integer, 0 or more, but is ${state.draws}`);
    this.#state.write(stateWords(state.seed, state.draws));
  }
}

function stateWords(seed: number, draws: number): Uint32Array<ArrayBuffer> {
  return new Uint32Array([seed, Math.floor(seed / 2 ** 32), draws, Math.floor(draws / 2 ** 32)]);
}
