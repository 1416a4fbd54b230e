/**
 * IEEE 754 binary16, "half", from and to binary32: on the bits, since not every JavaScript engine has a Float16Array yet.
 * A half has 5 bits of exponent and 10 of fraction: 65504 is the greatest, 2^-14 the least of full precision, 2^-24 the least.
 */

/** @returns the same values, exactly: every half is a float. NaN keeps its payload. */
export function halvesToFloats(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const floats = new Float32Array(halves.length);
  const bits = new Uint32Array(floats.buffer);
  halves.forEach((half, k) => {
    const magnitude = half & 0x7fff;
    const sign = (half & 0x8000) << 16;
    if (magnitude < 0x400) {
      floats[k] = magnitude * 2 ** -24; // subnormal, or zero
      bits[k] = (bits[k] ?? 0) | sign;
    } else {
      // The exponent's bias grows from 15 to 127; that of infinity and NaN, 31, becomes 255.
      bits[k] = sign | ((magnitude << 13) + (magnitude < 0x7c00 ? 112 << 23 : 224 << 23));
    }
  });
  return floats;
}

/** Rounds to the nearest half, ties to even. From 65520 on in magnitude that is infinity; NaN stays NaN. */
export function floatsToHalves(floats: Float32Array): Uint16Array<ArrayBuffer> {
  const source = new Float32Array(1);
  const bits = new Uint32Array(source.buffer);
  return Uint16Array.from(floats, (float) => {
    source[0] = float;
    const all = bits[0] ?? 0;
    return ((all >>> 16) & 0x8000) | halfOfMagnitude(all & 0x7fffffff, Math.abs(float));
  });
}

/** @param bits of the float without its sign @param value the same as a number */
function halfOfMagnitude(bits: number, value: number): number {
  if (bits > 0x7f800000) return 0x7e00 | ((bits >> 13) & 0x1ff); // a quiet NaN
  if (bits >= 0x477ff000) return 0x7c00;
  // A double of 2^52 has no bits for fractions left: adding it rounds to a whole number, ties to even.
  if (bits < 0x38800000) return value * 2 ** 24 + 2 ** 52 - 2 ** 52;
  // Half of the last place that stays, less one where that place is even; a carry goes into the exponent, as it should.
  return (bits + 0xfff + ((bits >> 13) & 1) - (112 << 23)) >> 13;
}
