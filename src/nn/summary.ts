/** What a model consists of and what a forward takes, from a trace of one: nothing is executed. */
import { plannedBytes } from "../gpu/memory-need.ts";
import { formatShape, type Shape } from "../tensor/shape.ts";
import { abandonGradients, noGrad } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { aligned, grouped, kibibytes } from "../tensor/text-table.ts";
import type { Module } from "./module.ts";
import { witnessing } from "./witness.ts";

/** One run of a layer: of a module without others inside, or with parameters of its own. */
export interface SummaryRow {
  /** Its path in the model. */
  readonly name: string;
  /** Its class. */
  readonly type: string;
  /** Of its output, if that is a tensor. */
  readonly shape: Shape | undefined;
  /** The number of elements in its own parameters; 0 if an earlier row has counted them. */
  readonly parameters: number;
  /** What `flops` of the layer says: multiplications and additions each count. */
  readonly flops: number;
  /** Of its output. */
  readonly bytes: number;
}

/** See `Module.summary`. As text it's a table. */
export class Summary {
  readonly input: Shape;
  /** In the order in which they ran. */
  readonly layers: readonly SummaryRow[];
  /** Elements in all parameters. */
  readonly parameters: number;
  /** Elements in those that are trained. */
  readonly trained: number;
  /** Of one forward. */
  readonly flops: number;
  /** Parameters and buffers. */
  readonly stateBytes: number;
  /** What a forward in training keeps for its backward. */
  readonly activationBytes: number;
  /** What a recorded forward in evaluation takes beside the state. */
  readonly evaluationBytes: number;

  constructor(model: Module, input: Shape) {
    const parameters = model.parameters();
    const state = Object.values(model.stateDict());
    const gpu = state[0]?.gpu;
    if (!gpu)
      throw new Error(
        "[summary] the model has neither parameters nor buffers, so nothing says on which GPU it is",
      );
    const paths = new Map(model.namedModules().map(([path, module]): [object, string] => [module, path]));
    const counted = new Set<Tensor>();
    const layers: SummaryRow[] = [];
    const note = (module: Module, output: unknown) => {
      const path = paths.get(module) ?? "";
      const own = module
        .namedParameters()
        .filter(([name, tensor]) => !name.includes(".") && !counted.has(tensor));
      if (own.length === 0 && module.namedModules().length > 1) return;
      for (const [, tensor] of own) counted.add(tensor);
      const result = output instanceof Tensor ? output : undefined;
      layers.push({
        name: path,
        type: module.constructor.name,
        shape: result?.shape,
        parameters: elementsOf(own.map(([, tensor]) => tensor)),
        flops: result ? module.flops(result) : 0,
        bytes: result?.byteLength ?? 0,
      });
    };
    const trace = (training: boolean, use: (output: unknown) => void) =>
      plannedBytes(gpu.device, () =>
        gpu.scope(() => use(Reflect.apply(model.forward, model, [gpu.empty(input), { training }]))),
      );
    let activationBytes = 0;
    witnessing(note, () => {
      trace(true, (output) => {
        activationBytes = output instanceof Tensor ? abandonGradients(output) : 0;
      });
    });
    this.activationBytes = activationBytes;
    this.evaluationBytes = noGrad(() => trace(false, () => {}));
    this.input = input;
    this.layers = layers;
    this.parameters = elementsOf(parameters);
    this.trained = elementsOf(parameters.filter(({ requiresGrad }) => requiresGrad));
    this.flops = layers.reduce((sum, { flops }) => sum + flops, 0);
    this.stateBytes = state.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** The table. */
  toString(): string {
    const rows = this.layers.map(({ name, type, shape, parameters, flops, bytes }) => [
      name,
      type,
      shape ? formatShape(shape) : "",
      grouped(parameters),
      grouped(flops),
      kibibytes(bytes),
    ]);
    const total = ["", "", "", grouped(this.parameters), grouped(this.flops), ""];
    const heading = ["layer", "type", "output", "parameters", "FLOPs", "output, KiB"];
    const table = aligned([heading, ...rows, total], 3);
    return [
      ...table,
      "",
      `Input ${formatShape(this.input)}; FLOPs are those of convolutions and linear layers. ${grouped(this.trained)} parameters are trained.`,
      `Memory: ${kibibytes(this.stateBytes)} KiB for parameters and buffers; evaluation takes ${kibibytes(this.evaluationBytes)} KiB more, ` +
        `training keeps ${kibibytes(this.activationBytes)} KiB for its gradients.`,
    ].join("\n");
  }

  /** Node's console prints the table. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

function elementsOf(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, { size }) => sum + size, 0);
}
