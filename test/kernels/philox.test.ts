/** Philox4x32-10 against the vectors that Random123 publishes (`kat_vectors`), on the host and on the GPU. */
import { describe, expect, it } from "vitest";
import { kernel, wgsl } from "../../src/gpu/kernel.ts";
import { noise } from "../../src/kernels/cases.ts";
import { philox, philoxWgsl, type Words4 } from "../../src/kernels/philox.ts";
import { gpu } from "../support/gpu.ts";

const ones = 0xffffffff;
const vectors: { counter: Words4; key: [number, number]; words: Words4 }[] = [
  { counter: [0, 0, 0, 0], key: [0, 0], words: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8] },
  {
    counter: [ones, ones, ones, ones],
    key: [ones, ones],
    words: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  },
  {
    counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    key: [0xa4093822, 0x299f31d0],
    words: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  },
];

const philoxWords = kernel("philox_words", {
  read: { counters: "vec4u", keys: "vec4u" },
  write: { words: "vec4u" },
  params: { n: "u32" },
  declarations: philoxWgsl,
  body: wgsl`
    if (i >= params.n) { return; }
    words[i] = philox(counters[i], keys[i].xy);`,
});

const upload = (rows: readonly (readonly number[])[]) =>
  gpu.tensor(new Uint32Array(rows.flat()), [rows.length, 4]);

async function onGpu(counters: readonly Words4[], keys: readonly (readonly [number, number])[]) {
  const words = gpu.tensor(new Uint32Array(counters.length * 4), [counters.length, 4]);
  const padded = keys.map((key) => [...key, 0, 0]);
  philoxWords(gpu.device, { counters: upload(counters), keys: upload(padded), words, n: counters.length });
  return words.data<Uint32Array<ArrayBuffer>>();
}

describe("philox", () => {
  it("gives Random123's words on the host", () => {
    for (const { counter, key, words } of vectors) expect(philox(counter, key)).toEqual(words);
  });

  it("gives Random123's words on the GPU", async () => {
    const words = await onGpu(
      vectors.map(({ counter }) => counter),
      vectors.map(({ key }) => key),
    );
    expect([...words]).toEqual(vectors.flatMap((vector) => vector.words));
  });

  it("agrees between host and GPU for a thousand counters and keys", async () => {
    const random = Uint32Array.from(noise(6000, 3), (value) => Math.floor((value + 1) * 2 ** 31));
    const at = (k: number) => random[k] ?? 0;
    const counters = Array.from(
      { length: 1000 },
      (_, k): Words4 => [at(6 * k), at(6 * k + 1), at(6 * k + 2), at(6 * k + 3)],
    );
    const keys = counters.map((_, k): [number, number] => [at(6 * k + 4), at(6 * k + 5)]);
    const expected = counters.flatMap((counter, k) => philox(counter, keys[k] ?? [0, 0]));
    expect([...(await onGpu(counters, keys))]).toEqual(expected);
  });
});
