/** Between wgrad's layouts and those of the peers. */

/** Reorders the axes of a row-major array: axis k of the result is axis `order[k]` of the source. */
export function permute(data, shape, order) {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const target = order.map((axis) => shape[axis]);
  const steps = order.map((axis) => strides[axis]);
  const result = new Float32Array(data.length);
  const index = target.map(() => 0);
  let source = 0;
  for (let k = 0; k < result.length; k++) {
    result[k] = data[source];
    for (let axis = target.length - 1; axis >= 0; axis--) {
      index[axis] += 1;
      source += steps[axis];
      if (index[axis] < target[axis]) break;
      source -= target[axis] * steps[axis];
      index[axis] = 0;
    }
  }
  return { data: result, shape: target };
}

/** One array after the other. */
export function concatenate(arrays) {
  const all = new Float32Array(arrays.reduce((total, { length }) => total + length, 0));
  let offset = 0;
  for (const array of arrays) {
    all.set(array, offset);
    offset += array.length;
  }
  return all;
}

/** The parameters of VGG in order: those of the inputs whose names start with "parameter". */
export function parametersOf(inputs) {
  return Object.entries(inputs)
    .filter(([name]) => name.startsWith("parameter"))
    .map(([, input]) => input);
}

/** How VGG's layers follow each other: convolutions a stage. */
export const stages = [2, 2, 3, 3, 3];
