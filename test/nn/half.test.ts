/** Halves: all 65,536, and what lies between two of them. */
import { describe, expect, test } from "vitest";
import { floatsToHalves, halvesToFloats } from "../../src/nn/half.ts";

const all = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);

/** The definition, IEEE 754-2008, 3.4. */
function meaningOf(bits: number): number {
  const sign = bits >= 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * 2 ** -14 * fraction : sign * 2 ** (exponent - 15) * (1 + fraction);
}

/** The float next to a positive one, further from zero or nearer. */
function neighbour(value: number, step: 1 | -1): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  return new Float32Array(bits.map((word) => word + step).buffer)[0] ?? 0;
}

describe("halvesToFloats", () => {
  test("gives all 65,536 values, signs of zeros too", () => {
    const floats = halvesToFloats(all);
    const wrong = [...all].filter((bits, k) => !Object.is(floats[k], meaningOf(bits)));
    expect(wrong).toEqual([]);
  });
});

describe("floatsToHalves", () => {
  test("gives each half back, and a NaN for a NaN", () => {
    const isNaNHalf = (bits = 0) => (bits & 0x7fff) > 0x7c00;
    const again = floatsToHalves(halvesToFloats(all));
    expect([...all].filter((bits, k) => !isNaNHalf(bits) && again[k] !== bits)).toEqual([]);
    expect([...all].filter((bits, k) => isNaNHalf(bits) && !isNaNHalf(again[k]))).toEqual([]);
  });

  test("rounds to nearest, ties to even, between all neighbours of either sign", () => {
    const wrong: string[] = [];
    for (let low = 0; low < 0x7c00; low++) {
      // Above 65504 the next would be 65536, if there were one: its bits are infinity's.
      const upper = low + 1 === 0x7c00 ? 65_536 : meaningOf(low + 1);
      const tie = (meaningOf(low) + upper) / 2; // exact in a float: it has 13 bits more
      const even = low % 2 === 0 ? low : low + 1;
      const expected = [low, even, low + 1];
      const floats = Float32Array.of(neighbour(tie, -1), tie, neighbour(tie, 1));
      const halves = [...floatsToHalves(floats)];
      const mirrored = [...floatsToHalves(floats.map((value) => -value))].map((bits) => bits - 0x8000);
      if (halves.join() !== expected.join() || mirrored.join() !== expected.join())
        wrong.push(`${low}: ${halves}`);
    }
    expect(wrong).toEqual([]);
  });

  test("the largest floats become infinity, the least a zero of their sign", () => {
    const least = 2 ** -149;
    const floats = Float32Array.of(
      3.4e38,
      -3.4e38,
      Number.POSITIVE_INFINITY,
      65_519.996,
      65_520,
      least,
      -least,
    );
    expect([...floatsToHalves(floats)]).toEqual([0x7c00, 0xfc00, 0x7c00, 0x7bff, 0x7c00, 0, 0x8000]);
  });
});
