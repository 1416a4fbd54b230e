/** Dropout in float64, with the mask of a ticket. */
import { dropoutThreshold } from "./dropout.ts";
import { philox } from "./philox.ts";

/** y of x, and dx of dy alike. @param ticket `[seed low, seed high, draw low, draw high]` */
export function dropoutReference(
  x: ArrayLike<number>,
  ticket: ArrayLike<number>,
  rate: number,
): Float64Array {
  const [seedLow = 0, seedHigh = 0, drawLow = 0, drawHigh = 0] = Array.from(ticket);
  const threshold = dropoutThreshold(rate);
  const y = new Float64Array(x.length);
  for (let quad = 0; quad * 4 < x.length; quad++) {
    philox([quad, 0, drawLow, drawHigh], [seedLow, seedHigh]).forEach((word, k) => {
      const index = 4 * quad + k;
      if (index < x.length && word >= threshold) y[index] = (x[index] ?? 0) / (1 - rate);
    });
  }
  return y;
}
