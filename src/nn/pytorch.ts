/**
 * PyTorch's state dictionaries: other names for the same tensors, and channels before height and width.
 *
 * A dictionary comes as `decodeSafetensors` reads it and goes as `encodeSafetensors` writes it; in Python, `safetensors.torch` does the same. It says nothing of
 * settings: PyTorch's batch normalization has an eps of 1e-5 where this library's layer has 2e-5.
 *
 * What converts comes on demand: few need it.
 */
import type { Shape } from "../tensor/shape.ts";
import type { HostArray, HostData } from "../tensor/tensor.ts";
import type { Module } from "./module.ts";

/** Host data by PyTorch's names, row-major. */
export type PyTorchState = Readonly<
  Record<string, { readonly shape: Shape; readonly data: HostData | readonly number[] }>
>;

/** How a model here and one in PyTorch correspond. */
export interface PyTorchOptions {
  /**
   * What PyTorch calls a module, by its path here: `{ "head.fc1": "classifier.0" }`. It holds for what lies inside, too, unless that is named itself;
   * `{ "": "module" }` is for the model as a whole. Modules have the same path on both sides by default.
   */
  readonly names?: Readonly<Record<string, string>>;
  /**
   * Height and width of the images that a linear layer gets flattened, by the layer's path: PyTorch flattens `[C, H, W]`, this library `[H, W, C]`.
   */
  readonly flattened?: Readonly<Record<string, readonly [height: number, width: number]>>;
}

/**
 * Loads a PyTorch model's state dictionary: convolutions' `[Co, Ci, Kh, Kw]` become `[Co, Kh, Kw, Ci]`; batch normalization's `weight`, `bias`, `running_mean` and
 * `running_var` are `gamma`, `beta`, `runningMean` and `runningVar`; linear layers behind a flattened image are reordered. `num_batches_tracked` isn't needed.
 * @throws Error that lists all missing, unexpected and mismatched names, PyTorch's, and for a linear layer whose `flattened` isn't given; then nothing was changed
 */
export async function fromPyTorch(
  state: PyTorchState,
  model: Module,
  options: PyTorchOptions = {},
): Promise<void> {
  const { loadPyTorch } = await import("./pytorch-state.ts");
  loadPyTorch(state, model, options);
}

/**
 * A model's state as PyTorch's `load_state_dict` takes it, the inverse of `fromPyTorch`. `num_batches_tracked` is left out: PyTorch counts from 0 then.
 * @returns by PyTorch's names what `encodeSafetensors` takes
 * @throws Error for a linear layer whose `flattened` isn't given
 */
export async function toPyTorch(
  model: Module,
  options: PyTorchOptions = {},
): Promise<Record<string, { readonly shape: Shape; readonly data: HostArray }>> {
  const { pyTorchState } = await import("./pytorch-state.ts");
  return pyTorchState(model, options);
}
