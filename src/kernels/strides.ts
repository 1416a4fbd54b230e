/**
 * Index arithmetic of kernels that walk tensors by strides: broadcasting and permutation.
 *
 * Adjacent dimensions that every operand walks alike are merged on the host, so that few are left (a bias added to
 * [N, H, W, C] has two), and the shader stops after them: each costs a division and a remainder an element.
 */
import { wgsl } from "../gpu/kernel.ts";

/** Dimensions that a kernel can walk after merging. */
export const mostDimensions = 6;

/** The merged walk, innermost dimension first. */
export interface Walk {
  readonly extents: readonly number[];
  /** Strides of each operand in elements, in the order of `extents`. */
  readonly strides: readonly (readonly number[])[];
}

/** Strides of a row-major tensor. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, extent) => product * extent, 1));
}

/** Strides with which a tensor of `shape` is read as one of `target`: 0 where it's broadcast. */
export function broadcastStrides(shape: readonly number[], target: readonly number[]): number[] {
  const strides = rowMajorStrides(shape);
  const missing = target.length - shape.length;
  return target.map((_, axis) => ((shape[axis - missing] ?? 1) === 1 ? 0 : (strides[axis - missing] ?? 0)));
}

/** Drops dimensions of extent 1 and merges those that all operands walk alike. @throws Error where too many are left */
export function mergeDimensions(
  label: string,
  shape: readonly number[],
  strides: readonly (readonly number[])[],
): Walk {
  const extents: number[] = [];
  const merged: number[][] = strides.map(() => []);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = shape[axis] ?? 1;
    if (extent === 1) continue;
    const last = extents.length - 1;
    const inner = extents[last];
    const continues =
      inner !== undefined && merged.every((list, k) => strides[k]?.[axis] === (list[last] ?? 0) * inner);
    if (continues) {
      extents[last] = inner * extent;
    } else {
      extents.push(extent);
      merged.forEach((list, k) => {
        list.push(strides[k]?.[axis] ?? 0);
      });
    }
  }
  if (extents.length > mostDimensions) {
    throw new Error(
      `[${label}] walks ${extents.length} dimensions that can't be merged, but the kernel has ${mostDimensions}; ` +
        "reshape to fewer dimensions",
    );
  }
  return { extents, strides: merged };
}

const dimensions = ["0", "1", "2", "3", "4", "5"] as const;
type Dimension = (typeof dimensions)[number];

/** The declared parameters of a walk: `rank`, `extent_0` (innermost) and on, and for each operand `NAME_stride_0` and on. */
export function walkParamTypes<Name extends string>(...operands: readonly Name[]) {
  return recordOf(operands, () => "u32" as const);
}

/** The values of those parameters. */
export function walkParams<Name extends string>(walk: Walk, ...operands: readonly Name[]) {
  return recordOf(operands, (name, dimension) => {
    if (name === "rank") return walk.extents.length;
    if (name === "extent") return walk.extents[dimension] ?? 1;
    return walk.strides[operands.indexOf(name)]?.[dimension] ?? 0;
  });
}

type WalkRecord<Name extends string, V> = Readonly<
  Record<"rank" | `extent_${Dimension}` | `${Name}_stride_${Dimension}`, V>
>;

function recordOf<Name extends string, V>(
  operands: readonly Name[],
  value: (name: "rank" | "extent" | Name, dimension: number) => V,
): WalkRecord<Name, V> {
  const entries: [string, V][] = [["rank", value("rank", 0)]];
  for (const dimension of dimensions) {
    entries.push([`extent_${dimension}`, value("extent", Number(dimension))]);
    for (const name of operands)
      entries.push([`${name}_stride_${dimension}`, value(name, Number(dimension))]);
  }
  return Object.fromEntries(entries) as WalkRecord<Name, V>;
}

/** WGSL that declares `NAME_offset`, the element of each operand that belongs to output element i. */
export function walkOffsets(...operands: readonly string[]): string {
  const declare = operands.map((name) => wgsl`var ${name}_offset = 0u;`);
  const steps = dimensions.map((dimension) => {
    const advance = operands.map(
      (name) => wgsl`${name}_offset += at_${dimension} * params.${name}_stride_${dimension};`,
    );
    return wgsl`
    if (params.rank > ${dimension}u) {
      let at_${dimension} = rest % params.extent_${dimension};
      rest /= params.extent_${dimension};
      ${advance.join("\n      ")}
    }`;
  });
  return [wgsl`var rest = i;`, ...declare, ...steps].join("\n    ");
}
