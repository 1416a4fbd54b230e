/** Chainer's `.npz` of its example's VGG: which array is which tensor, and in what order its elements lie. */
import { formatShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Vgg } from "./models/vgg.ts";
import { decodeNpy, npyHeaderBytes, permuted } from "./npy.ts";
import { loadTensors, type StateValue } from "./state.ts";
import { type ZipMember, zipMembers } from "./zip.ts";

const op = "fromChainer";
const leaves: Readonly<Record<string, string>> = {
  weight: "W",
  gamma: "gamma",
  beta: "beta",
  runningMean: "avg_mean",
  runningVar: "avg_var",
};
/** Every file of such a model has it; what stands before it stands before all of the model's arrays. */
const first = "block1_1/conv/W";

/** See `fromChainer`. */
export async function loadChainer(file: Uint8Array, model: Vgg): Promise<void> {
  const members = zipMembers(op, new Uint8Array(file));
  const prefixes = members
    .filter(({ name }) => name === `${first}.npy` || name.endsWith(`/${first}.npy`))
    .map(({ name }) => name.slice(0, -`${first}.npy`.length));
  const [prefix, another] = prefixes;
  if (prefix === undefined) {
    throw new Error(
      `[${op}] the file holds no VGG of Chainer's examples/cifar, whose first array is '${first}': save the model by chainer.serializers.save_npz`,
    );
  }
  if (another !== undefined) {
    throw new Error(
      `[${op}] the file holds two models, '${prefix}' and '${another}': save the one that's meant by chainer.serializers.save_npz`,
    );
  }
  const targets: Record<string, Tensor> = {};
  for (const [path, tensor] of Object.entries(model.stateDict())) targets[chainerName(path)] = tensor;
  const values: [name: string, value: StateValue][] = [];
  for (const member of members) {
    const name = member.name.replace(/\.npy$/, "").slice(prefix.length);
    if (!member.name.startsWith(prefix) || name.endsWith("/N")) continue;
    const target = Object.hasOwn(targets, name) ? targets[name] : undefined;
    // What no tensor wants isn't read, but named among the others.
    values.push([name, target ? await loadable(name, member, target) : { shape: [], data: [] }]);
  }
  loadTensors(op, targets, Object.fromEntries(values));
}

/** `stage2.0.conv.weight` is `block2_1/conv/W`, `head.norm.gamma` is `bn_fc1/gamma`. */
function chainerName(path: string): string {
  const parts = path.split(".");
  const leaf = leaves[parts.at(-1) ?? ""] ?? "";
  const [stage = "", block, layer] = parts;
  if (stage === "head") return `${block === "norm" ? "bn_fc1" : block}/${leaf}`;
  return `${stage.replace("stage", "block")}_${Number(block) + 1}/${layer === "norm" ? "bn" : layer}/${leaf}`;
}

async function loadable(name: string, member: ZipMember, { shape, size }: Tensor): Promise<StateValue> {
  // Before memory is taken for whatever the file declares.
  const most = npyHeaderBytes + 8 * size;
  if (member.size > most) {
    throw new Error(
      `[${op}] '${name}' has ${member.size} bytes, more than ${formatShape(shape)} takes: make the model as wide as the file's`,
    );
  }
  const array = decodeNpy(op, name, await member.read());
  return permuted(array, array.shape.length === 4 ? [0, 2, 3, 1] : array.shape.map((_, axis) => axis));
}
