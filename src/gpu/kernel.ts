/**
 * Declares a kernel: a WGSL body, and typed bindings and parameters from which header and launcher follow.
 *
 * Every launch is one-dimensional: `group` counts workgroups and `i` invocations, whatever the dispatch had to be folded
 * into (65,535 workgroups a dimension). Bodies see:
 *
 * - each binding by its name, as an array; `scalar` is the element type (f32 for now), `pair` and `quad` vectors of it. What is read
 *   as `texels` is called for each quad, `NAME_at(index)`: see `texels.ts`
 * - `params.NAME`, each constant by its name
 * - `i`: index of the invocation; `group`, `lane`: index of the workgroup, and of the invocation in it
 *
 * A kernel sized by `threads` guards itself with `if (i >= params.n) { return; }`; one sized by `groups` runs no other groups.
 *
 * An `elementwise` one has its body called for each `i` below `params.n`, and needs no guard. How many a lane does is the framework's
 * business. GPUs hide the latency of memory behind many lanes: one each. A software adapter pays for every workgroup (0.46 us each on
 * lavapipe) and prefers lanes that loop: 16 neighbours walk over a strip of memory, side by side. CPU ms of ReLU over 8 MB, and of
 * SGD over 15 M parameters:
 *
 * | one each | strips of 8 lanes | of 16 | of 32 | of 64 | all lanes side by side |
 * |---|---|---|---|---|---|
 * | 5.8 | 1.9 | 1.9 | 2.0 | 2.0 | 3.0 |
 * | 55 | 39 | 32 | 42 | 46 | 132 |
 */
import type { BufferView } from "./buffers.ts";
import type { Device } from "./device.ts";
import type { Access, KernelSource } from "./pipelines.ts";
import { declareTexels } from "./texels.ts";

/** Element type of a binding. */
export type Element = "scalar" | "pair" | "quad" | "f32" | "vec4f" | "u32" | "vec4u" | "i32" | "texels";
/** Type of a parameter. */
export type ParamType = "u32" | "i32" | "f32";

type Elements = Readonly<Record<string, Element>>;
type ParamTypes = Readonly<Record<string, ParamType>>;
type None = Record<never, never>;

type Arguments<R, W, U, P> = { readonly [K in keyof R | keyof W | keyof U]: BufferView } & {
  readonly [K in keyof P]: number;
};

interface Declaration {
  /** Bindings that are only read. */
  readonly read?: Elements;
  /** Bindings of which every element is overwritten. */
  readonly write?: Elements;
  /** Bindings that are read and written. */
  readonly update?: Elements;
  readonly params?: ParamTypes;
  /** Baked into the source: sizes of arrays and of unrolled loops. Whatever varies from launch to launch is a parameter. */
  readonly constants?: Readonly<Record<string, number>>;
  /** Invocations a workgroup, 64 by default. */
  readonly workgroupSize?: number;
  /** The body is for one of `params.n` elements, each on its own. */
  readonly elementwise?: boolean;
  /** Of an elementwise kernel: what comes before the elements, such as a load that they share. */
  readonly setup?: string;
  /** The workgroup is one subgroup of `workgroupSize` lanes, and the body may use subgroup operations. */
  readonly subgroups?: boolean;
  /** WGSL at module scope: functions, workgroup variables. */
  readonly declarations?: string;
  readonly body: string;
}

interface KernelSpec<R extends Elements, W extends Elements, U extends Elements, P extends ParamTypes>
  extends Declaration {
  readonly read?: R;
  readonly write?: W;
  readonly update?: U;
  readonly params?: P;
  /** Invocations of a launch; the parameter `n` by default. */
  readonly threads?: (params: { readonly [K in keyof P]: number }) => number;
  /** Workgroups of a launch, in place of `threads`. */
  readonly groups?: (params: { readonly [K in keyof P]: number }) => number;
}

/** A declared kernel. Calling it encodes one launch. */
export interface Kernel<A> extends KernelSource {
  (device: Device, args: A): void;
}

/** WGSL as a tagged template, so that editors highlight it. */
export const wgsl = String.raw;

/**
 * Declares a kernel. What its body sees stands at the head of `src/gpu/kernel.ts`; `docs/guide/own-op.md` makes two.
 * @param label for errors and profiles, `noun_direction`
 * @returns the launcher: `(device, { bindings and parameters by name })` encodes one launch
 */
export function kernel<
  R extends Elements = None,
  W extends Elements = None,
  U extends Elements = None,
  P extends ParamTypes = None,
>(label: string, spec: KernelSpec<R, W, U, P>): Kernel<Arguments<R, W, U, P>> {
  const bindings = listBindings(spec);
  const paramTypes = Object.entries<ParamType>(spec.params ?? {});
  const size = spec.workgroupSize ?? 64;
  const hidden: [string, ParamType][] = spec.elementwise
    ? [["per_lane", "u32"]]
    : spec.groups
      ? [["group_total", "u32"]]
      : [];
  const fields = [...paramTypes, ...hidden];
  const source = writeSource(spec, bindings, fields, size, spec.groups !== undefined);
  const shape: KernelSource = {
    label,
    source,
    access: bindings.map(({ access }) => access),
    uniform: fields.length > 0,
  };

  const launch = (device: Device, args: Arguments<R, W, U, P>): void => {
    const values: Readonly<Record<string, unknown>> = args;
    const views = bindings.map(({ name }) => asView(device, label, name, values[name]));
    const elements = spec.groups ? 0 : (spec.threads?.(args) ?? asNumber(label, "n", values.n));
    const per_lane = spec.elementwise && device.info.isSoftware ? Math.ceil(elements / softwareLanes) : 1;
    const lanes = Math.ceil(elements / (stripWidth * per_lane)) * stripWidth;
    const groups = spec.groups ? spec.groups(args) : Math.ceil((spec.elementwise ? lanes : elements) / size);
    if (groups === 0) return;
    const words = new Uint32Array(Math.ceil(fields.length / 4) * 4);
    const own: Readonly<Record<string, unknown>> = { ...values, group_total: groups, per_lane };
    fields.forEach(([name, type], index) => {
      writeWord(words, index, type, asNumber(label, name, own[name]));
    });
    device.stream.dispatch({
      kernel: shape,
      views,
      uniform: shape.uniform ? device.uniforms.find(words) : undefined,
      groups: fold(label, groups, device.limits.maxComputeWorkgroupsPerDimension),
    });
  };
  return Object.assign(launch, shape);
}

interface Binding {
  readonly name: string;
  readonly element: Element;
  readonly access: Access;
}

function listBindings(spec: Declaration): Binding[] {
  const list = (elements: Elements | undefined, kind: Access) =>
    Object.entries(elements ?? {}).map(([name, element]): Binding => {
      return { name, element, access: element === "texels" ? element : kind };
    });
  return [...list(spec.read, "read"), ...list(spec.write, "write"), ...list(spec.update, "update")];
}

function writeSource(
  spec: Declaration,
  bindings: readonly Binding[],
  fields: readonly (readonly [string, ParamType])[],
  size: number,
  byGroups: boolean,
): string {
  const storage = bindings.map(({ name, element, access }, index) =>
    access === "texels"
      ? declareTexels(name, index)
      : `@group(0) @binding(${index}) var<storage, ${access === "read" ? "read" : "read_write"}> ${name}: array<${element}>;`,
  );
  const uniform =
    fields.length > 0
      ? [
          `struct Params { ${fields.map(([name, type]) => `${name}: ${type}`).join(", ")} }`,
          `@group(0) @binding(${bindings.length}) var<uniform> params: Params;`,
        ]
      : [];
  const constants = Object.entries(spec.constants ?? {}).map(([name, value]) => `const ${name} = ${value};`);
  return [
    ...(spec.subgroups ? ["enable subgroups;"] : []),
    "alias scalar = f32;",
    "alias pair = vec2<scalar>;",
    "alias quad = vec4<scalar>;",
    ...storage,
    ...uniform,
    ...constants,
    spec.declarations ?? "",
    `@compute @workgroup_size(${size})`,
    "fn main(@builtin(workgroup_id) group_id: vec3u, @builtin(num_workgroups) group_count: vec3u,",
    `  @builtin(${spec.subgroups ? "subgroup_invocation_id" : "local_invocation_index"}) lane: u32) {`,
    "  let group = group_id.x + group_id.y * group_count.x;",
    byGroups ? "  if (group >= params.group_total) { return; }" : "",
    ...(spec.elementwise
      ? overStrip(spec, size)
      : [byGroups ? "" : `  let i = group * ${size}u + lane;`, spec.body]),
    "}",
  ].join("\n");
}

/** Lanes of an elementwise kernel that walk over a strip side by side, and lanes of a launch on a software adapter. */
const stripWidth = 16;
const softwareLanes = 8192;

function overStrip({ setup = "", body }: Declaration, size: number): string[] {
  return [
    setup,
    `  let first = group * ${size}u + lane;`,
    `  let strip = first / ${stripWidth}u * ${stripWidth}u * params.per_lane;`,
    `  let strip_end = min(strip + ${stripWidth}u * params.per_lane, params.n);`,
    `  for (var i = strip + first % ${stripWidth}u; i < strip_end; i += ${stripWidth}u) {`,
    body,
    "  }",
  ];
}

/** Splits a count of workgroups over two dimensions where one doesn't hold it. */
function fold(label: string, groups: number, limit: number): [number, number] {
  const y = Math.ceil(groups / limit);
  if (y > limit)
    throw new Error(`[${label}] needs ${groups} workgroups, more than ${limit} x ${limit}; split the tensor`);
  return [Math.ceil(groups / y), y];
}

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

function writeWord(words: Uint32Array, index: number, type: ParamType, value: number): void {
  float[0] = value;
  words[index] = type === "f32" ? (floatBits[0] ?? 0) : value;
}

function asNumber(label: string, name: string, value: unknown): number {
  if (typeof value === "number") return value;
  throw new Error(`[${label}] parameter '${name}' must be a number, but got ${String(value)}`);
}

function asView(device: Device, label: string, name: string, value: unknown): BufferView {
  if (typeof value === "object" && value !== null && "buffer" in value && "byteOffset" in value) {
    if (!("device" in value) || value.device === device) return value as BufferView;
    throw new Error(
      `[${label}] '${name}', ${value}, is on another GPU than the rest; move it there: gpu.tensor(await x.data(), x.shape)`,
    );
  }
  throw new Error(`[${label}] binding '${name}' must be a buffer view, but got ${String(value)}`);
}
