/** A model with what it takes to ask it: where it is, how its images are normalised, what its classes are called. */
import { type Gpu, noGrad, Tensor } from "wgrad";
import type { Model, Normalization } from "../../plan.ts";
import type { Settings } from "../../recipes.ts";
import type { LayerInfo, ModelInfo, ModelKind } from "../protocol.ts";

export interface LiveModel {
  readonly kind: ModelKind;
  readonly title: string;
  readonly gpu: Gpu;
  readonly model: Model;
  readonly settings: Pick<Settings, "recipe" | "width" | "dropout">;
  readonly normalization: Normalization | undefined;
  readonly classes: readonly string[];
  readonly synthetic: boolean;
}

export function describeModel(live: LiveModel): ModelInfo {
  const { kind, title, classes, synthetic, model } = live;
  const parameters = model.parameters().reduce((sum, { size }) => sum + size, 0);
  return { kind, title, classes, synthetic, parameters, layers: layersOf(live) };
}

/** The layers in the order in which they run, from a trace: nothing is computed. */
function layersOf({ gpu: { device }, model, gpu }: LiveModel): LayerInfo[] {
  const layers: LayerInfo[] = [];
  const seen = new Set<Tensor>();
  const { trace } = device.trace(false, () =>
    gpu.scope(() =>
      watching(
        model,
        (path, kind, output) => {
          if (seen.has(output)) return; // a container gives on what its last layer gave
          seen.add(output);
          layers.push({ path, kind, shape: output.shape.slice(1) });
        },
        () => noGrad(() => model.forward(gpu.empty([1, 32, 32, 3]), { training: false })),
      ),
    ),
  );
  device.settle(trace);
  device.releaseDeferred(trace);
  return layers;
}

/** Runs `fn` and tells what each module's `forward` gives, inner ones first. */
export function watching<T>(
  model: Model,
  onOutput: (path: string, kind: string, output: Tensor) => void,
  fn: () => T,
): T {
  const modules = model.namedModules().filter(([path]) => path !== "");
  const originals = modules.map(([, module]) => module.forward);
  for (const [k, [path, module]] of modules.entries()) {
    const forward = originals[k];
    if (!forward) continue;
    const watched = (...inputs: never[]) => {
      const output: unknown = forward(...inputs);
      if (output instanceof Tensor) onOutput(path, module.constructor.name, output);
      return output;
    };
    module.forward = watched;
  }
  try {
    return fn();
  } finally {
    for (const [k, [, module]] of modules.entries()) {
      const forward = originals[k];
      if (forward) module.forward = forward;
    }
  }
}
