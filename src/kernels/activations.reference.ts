/** Pointwise functions in float64: y of x, and the slope at x. The first parameter is leakyRelu's slope, clamp takes both. */
type Pointwise = (x: number, first: number, second: number) => number;

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

const functions = {
  leakyRelu: [(x, slope) => (x > 0 ? x : slope * x), (x, slope) => (x > 0 ? 1 : slope)],
  sigmoid: [sigmoid, (x) => sigmoid(x) * sigmoid(-x)],
  silu: [
    (x) => (x === Number.NEGATIVE_INFINITY ? 0 : x * sigmoid(x)),
    (x) => sigmoid(x) + (Math.abs(x) > 700 ? 0 : x * sigmoid(x) * sigmoid(-x)),
  ],
  tanh: [Math.tanh, (x) => 1 - Math.tanh(x) ** 2],
  clamp: [
    (x, low, high) => Math.min(Math.max(x, low), high),
    (x, low, high) => (x >= low && x <= high ? 1 : 0),
  ],
} satisfies Record<string, readonly [Pointwise, Pointwise]>;

/** The functions that `activationReference` knows. */
export type ActivationName = keyof typeof functions;

/** y of x. */
export function activationReference(
  name: ActivationName,
  x: ArrayLike<number>,
  first = 0,
  second = 0,
): Float64Array {
  const [forward]: readonly [Pointwise, Pointwise] = functions[name];
  return Float64Array.from(x, (value) => forward(value, first, second));
}

/** dx of x and dy. */
export function activationGradReference(
  name: ActivationName,
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
  first = 0,
  second = 0,
): Float64Array {
  const [, slope]: readonly [Pointwise, Pointwise] = functions[name];
  return Float64Array.from(dy, (gradient, k) => gradient * slope(x[k] ?? 0, first, second));
}
