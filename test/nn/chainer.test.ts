/** Chainer's trained VGG, from files that NumPy wrote as Chainer does. */
import { readFileSync } from "node:fs";
import { deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { nn } from "wgrad";
import { gpu } from "../support/gpu.ts";

const fixture = (name: string) => readFileSync(new URL(`chainer/${name}`, import.meta.url));
const { classes, width, logits }: { classes: number; width: number; logits: number[] } = JSON.parse(
  fixture("logits.json").toString(),
);
const vgg = (seed = 1) => nn.vgg(gpu, { classes, width, seed });

/** As in make_fixtures.py. */
const values = (size: number, seed: number) =>
  Float32Array.from({ length: size }, (_, k) => ((k * k + 7 * k * seed + 13 * seed) % 127) / 64 - 1);

const untouched = vgg();

/** The error that loading throws, with its name; the model must be as it was. */
async function complaint(file: Uint8Array, model = untouched): Promise<string> {
  const before = await model.stage1.stateDict()["0.conv.weight"]?.data();
  const message = await nn.fromChainer(file, model).then(
    () => "no error",
    (error) => String(error),
  );
  expect(await model.stage1.stateDict()["0.conv.weight"]?.data()).toEqual(before);
  return message;
}

/** A zip archive of stored members, or one of raw entries `[name, content, method, packed]`. */
function zip(
  members: readonly (readonly [name: string, content: Uint8Array, packed?: Uint8Array])[],
): Uint8Array {
  const [bodies, entries]: [Buffer[], Buffer[]] = [[], []];
  let at = 0;
  for (const [name, content, packed] of members) {
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(packed ? 8 : 0, 4);
    fields.writeUInt32LE(crc32(content), 10);
    fields.writeUInt32LE((packed ?? content).length, 14);
    fields.writeUInt32LE(content.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const body = [Buffer.from("PK\x03\x04"), fields, Buffer.from(name), packed ?? content];
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(at, 10);
    entries.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\x00"), fields, rest, Buffer.from(name)]));
    bodies.push(Buffer.concat(body));
    at += bodies.at(-1)?.length ?? 0;
  }
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(Buffer.concat(entries).length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...bodies, ...entries, end]);
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** A `.npy` of version 1. */
function npy(dictionary: string, data: Uint8Array): Buffer {
  const header = Buffer.from(`${dictionary}\n`);
  return Buffer.concat([Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, header.length, 0]), header, data]);
}
const floats = (shape: string, length: number) =>
  npy(`{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`, new Uint8Array(4 * length));

describe("nn.fromChainer", () => {
  test.each(["classifier.npz", "snapshot.npz", "bare.npz"])(
    "makes a model compute what Chainer's does: %s",
    async (name) => {
      const model = vgg();
      await nn.fromChainer(fixture(name), model);
      const images = gpu.tensor(values(2 * 32 * 32 * 3, 99), [2, 32, 32, 3]);
      const result = await model.forward(images).data();
      const largest = Math.max(...logits.map(Math.abs));
      expect(result).toHaveLength(2 * classes);
      // Fifteen layers in float32, sums of 72 products at most.
      for (const [k, value] of result.entries())
        expect(Math.abs(value - (logits[k] ?? Number.NaN))).toBeLessThan(2e-6 * largest);
    },
  );

  test("puts a convolution's channels last", async () => {
    const model = vgg();
    await nn.fromChainer(fixture("classifier.npz"), model);
    const weight = model.stateDict()["stage2.1.conv.weight"];
    expect(weight?.shape).toEqual([2, 3, 3, 2]);
    // The file's nineteenth array: three blocks of six, N counted, before it.
    const theirs = values(2 * 2 * 9, 19);
    const ours = Float32Array.from(theirs, (_, k) => {
      const [out, pixel, input] = [Math.floor(k / 18), Math.floor(k / 2) % 9, k % 2];
      return 0.5 * (theirs[(2 * out + input) * 9 + pixel] ?? Number.NaN);
    });
    expect(await weight?.data()).toEqual(ours);
  });

  test("lists what doesn't fit", async () => {
    expect(
      await complaint(fixture("classifier.npz"), nn.vgg(gpu, { classes: 7, width })),
    ).toMatchInlineSnapshot(`
      "Error: [fromChainer] the state doesn't fit, nothing was changed:
        mismatched: fc2/W must be f32 [7, 8], but got f32 [5, 8]"
    `);
    const other = zip([
      ["predictor/block1_1/conv/W.npy", floats("(1, 3, 3, 3)", 27)],
      ["predictor/block1_1/bn/N.npy", floats("()", 1)],
      ["predictor/block9_1/conv/W.npy", floats("(1,)", 1)],
    ]);
    const lines = (await complaint(other)).split("\n");
    expect(lines[0]).toMatchInlineSnapshot(
      `"Error: [fromChainer] the state doesn't fit, nothing was changed:"`,
    );
    expect(lines.find((line) => line.includes("missing"))).toContain("block1_1/bn/gamma, block1_1/bn/beta");
    expect(lines.find((line) => line.includes("unexpected"))).toBe("  unexpected: block9_1/conv/W");
  });

  test("refuses a broken file, and says what is wrong", async () => {
    const whole = fixture("classifier.npz");
    const changed = Buffer.from(whole);
    changed[150] = (changed[150] ?? 0) ^ 0x10; // inside the first array
    const first = "block1_1/conv/W.npy";
    const right = floats("(1, 3, 3, 3)", 27);
    const files: Record<string, Uint8Array> = {
      empty: new Uint8Array(0),
      text: Buffer.from("not a zip archive, but text of some length"),
      "cut off": whole.subarray(0, whole.length - 30),
      "a bit turned": changed,
      "a name twice": zip([
        [first, right],
        [first, right],
      ]),
      "two models": zip([
        [`a/${first}`, right],
        [`b/${first}`, right],
      ]),
      "another model": zip([["conv1/W.npy", right]]),
      "too much for its tensor": zip([[first, new Uint8Array(10_000)]]),
      "more than it declares": zip([[first, right, deflateRawSync(Buffer.alloc(100_000))]]),
      "less than it declares": zip([[first, right, deflateRawSync(right.subarray(9))]]),
      "not deflated": zip([[first, right, Buffer.from("no deflate")]]),
      "no array": zip([[first, Buffer.from("this isn't an array at all")]]),
      "a pickled object": zip([
        [first, npy("{'descr': '|O', 'fortran_order': False, 'shape': (), }", new Uint8Array(9))],
      ]),
      "big-endian": zip([
        [first, npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", new Uint8Array(4))],
      ]),
      "code as header": zip([[first, npy("{'descr': '<f4', 'shape': exit(), }", new Uint8Array(4))]]),
      // Of which a careless pattern tries 2^60 divisions.
      "digits that no comma follows": zip([[first, floats(`(${"1".repeat(60)}x,)`, 27)]]),
      "fewer elements than its shape": zip([[first, floats("(1, 3, 3, 3)", 26)]]),
    };
    const complaints: string[] = [];
    for (const [what, file] of Object.entries(files))
      complaints.push(`${what}: ${(await complaint(file)).split("\n")[0]}`);
    expect(complaints).toMatchInlineSnapshot(`
      [
        "empty: Error: [fromChainer] the file is no .npz (a zip archive), or was cut off; get it again",
        "text: Error: [fromChainer] the file is no .npz (a zip archive), or was cut off; get it again",
        "cut off: Error: [fromChainer] the file is no .npz (a zip archive), or was cut off; get it again",
        "a bit turned: Error: [fromChainer] the file is damaged at 'predictor/block1_1/conv/W.npy'; get it again",
        "a name twice: Error: [fromChainer] the file holds 'block1_1/conv/W.npy' twice: which one is meant can't be known; get it again",
        "two models: Error: [fromChainer] the file holds two models, 'a/' and 'b/': save the one that's meant by chainer.serializers.save_npz",
        "another model: Error: [fromChainer] the file holds no VGG of Chainer's examples/cifar, whose first array is 'block1_1/conv/W': save the model by chainer.serializers.save_npz",
        "too much for its tensor: Error: [fromChainer] 'block1_1/conv/W' has 10000 bytes, more than [1, 3, 3, 3] takes: make the model as wide as the file's",
        "more than it declares: Error: [fromChainer] the file is damaged at 'block1_1/conv/W.npy'; get it again",
        "less than it declares: Error: [fromChainer] the file is damaged at 'block1_1/conv/W.npy'; get it again",
        "not deflated: Error: [fromChainer] the file is damaged at 'block1_1/conv/W.npy'; get it again",
        "no array: Error: [fromChainer] 'block1_1/conv/W' is no .npy array: save it by numpy.savez",
        "a pickled object: Error: [fromChainer] 'block1_1/conv/W' holds '|O', but only <f2, <f4, <f8 can be read: save it as float32",
        "big-endian: Error: [fromChainer] 'block1_1/conv/W' holds '>f4', but only <f2, <f4, <f8 can be read: save it as float32",
        "code as header: Error: [fromChainer] 'block1_1/conv/W' has a header that NumPy wouldn't write: save it by numpy.savez",
        "digits that no comma follows: Error: [fromChainer] 'block1_1/conv/W' has a header that NumPy wouldn't write: save it by numpy.savez",
        "fewer elements than its shape: Error: [fromChainer] 'block1_1/conv/W' has 104 bytes, but (1, 3, 3, 3) of <f4 takes 108",
      ]
    `);
  });
});
