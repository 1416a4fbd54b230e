/**
 * Philox4x32-10, a counter-based random number generator: four 32-bit words from a 128-bit counter and a 64-bit key, on the
 * host and in WGSL. Counter-based, so that element k of draw d is computed anywhere, in any order, without state.
 *
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011; test vectors from Random123.
 */
import { wgsl } from "../gpu/kernel.ts";

/**
 * `fn philox(counter: vec4u, key: vec2u) -> vec4u`; `fn philox_pair(first: vec4u, second: vec4u, key: vec2u) -> array<vec4u, 2>`, which
 * overlaps two chains of products that each wait for the one before: 2.9 CPU ms in place of 3.9 for half a million on lavapipe
 * (four chains: no more; unrolled rounds, or one product less with the low word put together by shifts: no gain); and
 * `fn unit_interval(bits: vec4u) -> vec4f` in [0, 1) with 24 bits.
 */
export const philoxWgsl = wgsl`
  // WGSL has no 32 x 32 -> 64 bit product: the high word is put together from 16-bit halves.
  fn multiply_high(a: u32, b: u32) -> u32 {
    let a_low = a & 0xffffu;
    let a_high = a >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    let middle = a_high * b_low + ((a_low * b_low) >> 16u);
    let carry = (middle & 0xffffu) + a_low * b_high;
    return a_high * b_high + (middle >> 16u) + (carry >> 16u);
  }
  fn philox_round(c: vec4u, k: vec2u) -> vec4u {
    return vec4u(
      multiply_high(0xcd9e8d57u, c.z) ^ c.y ^ k.x, 0xcd9e8d57u * c.z,
      multiply_high(0xd2511f53u, c.x) ^ c.w ^ k.y, 0xd2511f53u * c.x);
  }
  const philox_weyl = vec2u(0x9e3779b9u, 0xbb67ae85u);
  fn philox(counter: vec4u, key: vec2u) -> vec4u {
    var c = counter;
    var k = key;
    for (var round = 0u; round < 10u; round++) {
      c = philox_round(c, k);
      k += philox_weyl;
    }
    return c;
  }
  fn philox_pair(first: vec4u, second: vec4u, key: vec2u) -> array<vec4u, 2> {
    var a = first;
    var b = second;
    var k = key;
    for (var round = 0u; round < 10u; round++) {
      a = philox_round(a, k);
      b = philox_round(b, k);
      k += philox_weyl;
    }
    return array<vec4u, 2>(a, b);
  }
  fn unit_interval(bits: vec4u) -> vec4f {
    return vec4f(bits >> vec4u(8u)) * 5.9604644775390625e-8;
  }`;

export type Words4 = readonly [number, number, number, number];

function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 65536) + (carry >>> 16)) >>> 0;
}

/** The same on the host. */
export function philox(counter: Words4, key: readonly [number, number]): Words4 {
  let [x, y, z, w] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const fromX = multiplyHigh(0xd2511f53, x);
    const fromZ = multiplyHigh(0xcd9e8d57, z);
    [x, y, z, w] = [
      (fromZ ^ y ^ k0) >>> 0,
      Math.imul(0xcd9e8d57, z) >>> 0,
      (fromX ^ w ^ k1) >>> 0,
      Math.imul(0xd2511f53, x) >>> 0,
    ];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [x, y, z, w];
}
