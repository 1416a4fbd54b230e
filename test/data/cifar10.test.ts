/** CIFAR-10: what differs from CIFAR-100. Reading archives as such is tested with CIFAR-100's. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeRecords, type ImageSet } from "../../src/data/cifar-binary.ts";
import { cifar10Format } from "../../src/data/cifar-format.ts";
import { readCifar10, readCifar100 } from "../../src/data/cifar-source.ts";
import { tenNames } from "../../src/data/class-names.ts";
import { cifar10 } from "../../src/data/index.ts";
import { loadCifar10 } from "../../src/data/node/load-cifar.ts";
import { syntheticCifar100 } from "../../src/data/synthetic.ts";
import { gpu } from "../support/gpu.ts";
import { type Entry, streamOf, tarGz } from "./archives.ts";

const drawn = syntheticCifar100({ trainCount: 23, testCount: 7, seed: 4 });
const ten = (set: ImageSet): ImageSet => ({
  ...set,
  labels: set.labels.map((label) => label % 10),
  coarse: new Uint8Array(0),
});
const set = { train: ten(drawn.train), test: ten(drawn.test) };
const recordBytes = 3073;
const trainBytes = encodeRecords(cifar10Format, set.train);
const testBytes = encodeRecords(cifar10Format, set.test);
// Files of 5, 5, 5, 5 and 3 images.
const batches = [0, 5, 10, 15, 20].map((first) =>
  trainBytes.subarray(first * recordBytes, Math.min(first + 5, 23) * recordBytes),
);
const names = cifar10Format.files.map(({ name }) => name);
const bodies = [...batches, testBytes];
const folder = "cifar-10-batches-bin";
const member = (k: number): Entry => ({ name: `${folder}/${names[k]}`, body: bodies[k]! });
// Not in order: the official archive isn't either.
const archive = tarGz([
  { name: `${folder}/`, type: "5" },
  member(0),
  { name: `${folder}/batches.meta.txt`, body: `${tenNames.join("\n")}\n` },
  member(2),
  member(3),
  member(5),
  member(4),
  member(1),
]);
const own = { verify: false, name: "ten.tar.gz" };

function expectWhole({ train, test: held }: { train: ImageSet; test: ImageSet }) {
  expect(Buffer.compare(train.images, set.train.images)).toBe(0);
  expect(Buffer.compare(held.images, set.test.images)).toBe(0);
  expect([train.labels, held.labels]).toEqual([set.train.labels, set.test.labels]);
  expect([train.count, held.count, train.coarse.length]).toEqual([23, 7, 0]);
  expect([train.name, held.name, train.classes]).toEqual(["CIFAR-10 train", "CIFAR-10 test", tenNames]);
}

test("a record: one label byte, then the planes", () => {
  const [first] = batches;
  const { images, labels } = set.train;
  expect(testBytes.length).toBe(7 * 3073);
  expect([first?.[0], first?.[1], first?.[1 + 1024], first?.[1 + 2048]]).toEqual([
    labels[0],
    images[0],
    images[1],
    images[2],
  ]);
});

describe("readCifar10", () => {
  test.each([1009, 3073, 1 << 20])("an archive in any order, in chunks of %i bytes", async (chunk) => {
    expectWhole(await readCifar10(streamOf(archive, chunk), own));
  });

  test("its six files", async () => {
    expectWhole(await readCifar10({ train: batches, test: testBytes }, own));
    await expect(
      readCifar10({ train: batches.slice(1), test: testBytes }, own),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar10] there must be 6 files, data_batch_1.bin to data_batch_5.bin and test_batch.bin, but there are 5; give all of them]`,
    );
  });

  test("wrong sizes name the file", async () => {
    await expect(readCifar10(archive, { ...own, verify: true })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar10] 'cifar-10-batches-bin/data_batch_1.bin' in 'ten.tar.gz' must be 30,730,000 bytes (10,000 images of 3,073), but got 15,365; it is truncated or another file: download the binary version of CIFAR-10 again, or pass { verify: false } for a set of your own in this format]`,
    );
    const cut = batches.with(3, batches[3]!.subarray(0, 5000));
    await expect(
      readCifar10({ train: cut, test: testBytes }, own),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar10] 'ten.tar.gz/data_batch_4.bin' must be 1 to 50,000 images of 3,073 bytes, but got 5,000; it is truncated or of another format]`,
    );
  });

  test("a label that doesn't exist names file and record", async () => {
    const wrong = batches.with(1, batches[1]!.with(2 * recordBytes, 10));
    await expect(
      readCifar10({ train: wrong, test: testBytes }, own),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar10] 'ten.tar.gz/data_batch_2.bin', image 2 (counted from 0): the label must be 0 to 9, but is 10; the file is damaged or of another format: download the binary version of CIFAR-10 again]`,
    );
  });

  test("other archives", async () => {
    const holding = (...files: string[]) => tarGz(files.map((name) => ({ name, body: "x" })));
    await expect(
      readCifar10(holding("cifar-10-batches-py/data_batch_1", "cifar-10-batches-py/test_batch"), own),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar10] 'ten.tar.gz' must hold data_batch_1.bin to data_batch_5.bin and test_batch.bin, but it lacks data_batch_1.bin to data_batch_5.bin and test_batch.bin and holds cifar-10-batches-py/data_batch_1, cifar-10-batches-py/test_batch (the Python version of CIFAR-10); get the binary version of CIFAR-10, cifar-10-binary.tar.gz]`,
    );
    await expect(readCifar10(holding("cifar-100-binary/train.bin"), own)).rejects.toThrow("(CIFAR-100)");
    await expect(readCifar100(archive, own)).rejects.toThrow(
      "(CIFAR-10); get the binary version of CIFAR-100",
    );
    const incomplete = tarGz([0, 1, 3, 5].map(member));
    await expect(readCifar10(incomplete, own)).rejects.toThrow(
      "it lacks data_batch_3.bin and data_batch_5.bin",
    );
    const linked = tarGz([...[0, 1, 2, 3, 5].map(member), { name: `${folder}/data_batch_5.bin`, type: "2" }]);
    await expect(readCifar10(linked, own)).rejects.toThrow("aren't followed");
  });
});

describe("loadCifar10", () => {
  let root = "";
  const message = (path: string) =>
    loadCifar10(path).then(
      () => "no error",
      (error: Error) => error.message.replaceAll(root, "ROOT").replaceAll("\\", "/"),
    );

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "wgrad-ten-"));
    for (const [place, files] of [
      [`nested/${folder}`, names],
      ["half", names.slice(0, 3)],
    ] as const) {
      await mkdir(join(root, place), { recursive: true });
      for (const name of files) await writeFile(join(root, place, name), bodies[names.indexOf(name)]!);
    }
    await writeFile(join(root, "ten.tar.gz"), archive);
  });
  afterAll(() => rm(root, { recursive: true }));

  test("a folder, an archive", async () => {
    expectWhole(await loadCifar10(join(root, "nested"), { verify: false }));
    expectWhole(await loadCifar10(join(root, "ten.tar.gz"), { verify: false }));
  });

  test("what isn't there, or isn't the official set", async () => {
    expect(await message(join(root, "nowhere"))).toMatchInlineSnapshot(
      `"[cifar10] 'ROOT/nowhere' must be a folder with data_batch_1.bin to data_batch_5.bin and test_batch.bin, or cifar-10-binary.tar.gz, but there is no such file; get the binary version of CIFAR-10"`,
    );
    expect(await message(join(root, "half"))).toMatchInlineSnapshot(
      `"[cifar10] 'ROOT/half' must hold data_batch_1.bin to data_batch_5.bin and test_batch.bin, but has only data_batch_1.bin, data_batch_2.bin, data_batch_3.bin; put data_batch_4.bin, data_batch_5.bin, test_batch.bin of the same set there"`,
    );
    expect(await message(join(root, "nested"))).toContain(
      "data_batch_1.bin' must be 30,730,000 bytes (10,000 images of 3,073), but got",
    );
  });
});

test("data.cifar10 puts it on the GPU, with its classes", async () => {
  const { train, test: held } = await cifar10(gpu, archive, { ...own, trainLimit: 21 });
  expect([train.count, held.count, train.classCount, train.classNames]).toEqual([21, 7, 10, tenNames]);
  const labels = await held.inOrder(7)()?.labels.data<Int32Array<ArrayBuffer>>();
  expect(labels).toEqual(Int32Array.from(set.test.labels));
});
