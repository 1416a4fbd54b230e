/** The computational graph of a tensor as Graphviz text, read off the tape: what Chainer writes to `cg.dot`. */
import { formatShape } from "./shape.ts";
import type { TapeEntry } from "./tape.ts";
import type { Tensor } from "./tensor.ts";

/**
 * How a tensor was computed, in Graphviz's language: ops are boxes, tensors ellipses with their shapes, leaves with a gradient
 * are filled and carry their names. An op whose parameters share a path carries it too. Make a picture with `dot -Tsvg cg.dot`.
 *
 * Call it before `backward()`, which releases the graph.
 * @param output a loss, or any other result of ops on tensors with `requiresGrad`
 * @throws Error if nothing is known of how it was computed
 */
export function graphToDot(output: Tensor): string {
  if (!output.entry) {
    throw new Error(
      `[graphToDot] ${output} isn't the result of an op with gradients: compute it from tensors with requiresGrad, outside noGrad`,
    );
  }
  const entries = entriesOf(output.entry);
  if (entries.some(({ backward }) => !backward))
    throw new Error(`[graphToDot] backward() has released the graph of ${output}; call graphToDot before it`);

  const ids = new Map<Tensor, string>();
  const lines: string[] = [];
  const idOf = (tensor: Tensor): string => {
    const known = ids.get(tensor);
    if (known !== undefined) return known;
    const id = `t${ids.size}`;
    ids.set(tensor, id);
    lines.push(`  ${id} [${attributes(tensor, output)}];`);
    return id;
  };
  for (const [k, entry] of entries.entries()) {
    const sources = entry.inputs.map(idOf);
    lines.push(`  op${k} [shape=box, label=${labelOf(entry.op, owner(entry.inputs))}];`);
    for (const source of sources) lines.push(`  ${source} -> op${k};`);
    lines.push(`  op${k} -> ${idOf(entry.output)};`);
  }
  const opening = ["digraph {", '  node [fontname="Helvetica", fontsize=11];'];
  return [...opening, ...lines, "}", ""].join("\n");
}

/** The entries that lead to the last one, in the order of computation. */
function entriesOf(last: TapeEntry): TapeEntry[] {
  const found = new Set([last]);
  for (const { inputs } of found) {
    for (const { entry } of inputs) if (entry) found.add(entry);
  }
  return [...found].sort((a, b) => a.order - b.order);
}

function attributes(tensor: Tensor, output: Tensor): string {
  const label = `label=${labelOf(tensor.name, formatShape(tensor.shape))}`;
  if (tensor === output) return `shape=ellipse, style=bold, ${label}`;
  if (tensor.entry || !tensor.requiresGrad) return `shape=ellipse, ${label}`;
  return `shape=ellipse, style=filled, fillcolor=lightblue, ${label}`;
}

/** The module that an op belongs to, as far as its parameters' names tell: what comes before their last dot. */
function owner(inputs: readonly Tensor[]): string {
  const paths = inputs.flatMap(({ name, entry }) =>
    !entry && name.includes(".") ? [name.slice(0, name.lastIndexOf("."))] : [],
  );
  const [first = ""] = paths;
  return paths.every((path) => path === first) ? first : "";
}

/** A quoted label, one line for each text that isn't empty. */
function labelOf(...texts: readonly string[]): string {
  const escaped = texts
    .filter((text) => text !== "")
    .map((text) => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", " "));
  return `"${escaped.join("\\n")}"`;
}
