import { deflateSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { encodeCifar100, type ImageSet, parseCifar100, RecordDecoder } from "../../src/data/cifar-binary.ts";
import { cifar100Format } from "../../src/data/cifar-format.ts";
import { readCifar100 } from "../../src/data/cifar-source.ts";
import { coarseNames, fineNames } from "../../src/data/class-names.ts";
import { coarseOfFine } from "../../src/data/coarse-of-fine.ts";
import { DatasetError } from "../../src/data/dataset-error.ts";
import { syntheticCifar100 } from "../../src/data/synthetic.ts";
import { type Entry, join, pax, streamOf, tar, tarGz } from "./archives.ts";

const set = syntheticCifar100({ trainCount: 300, testCount: 120, seed: 1 });
const bytes = { train: encodeCifar100(set.train), test: encodeCifar100(set.test) };
const folder = "cifar-100-binary";
const entries: Entry[] = [
  { name: `${folder}/`, type: "5" },
  { name: `${folder}/fine_label_names.txt`, body: "apple\n" },
  { name: `${folder}/test.bin`, body: bytes.test },
  { name: `${folder}/train.bin`, body: bytes.train },
];
const own = { verify: false, name: "set.tar.gz" };

function expectEqual(actual: ImageSet, expected: ImageSet) {
  expect(Buffer.compare(actual.images, expected.images)).toBe(0);
  expect([actual.labels, actual.coarse, actual.count]).toEqual([
    expected.labels,
    expected.coarse,
    expected.count,
  ]);
}

test("names", () => {
  expect([fineNames.length, coarseNames.length, coarseOfFine.length]).toEqual([100, 20, 100]);
  expect([...fineNames].sort()).toEqual(fineNames);
  expect(Array.from({ length: 20 }, (_, c) => coarseOfFine.filter((coarse) => coarse === c).length)).toEqual(
    Array(20).fill(5),
  );
  expect(coarseNames[coarseOfFine[fineNames.indexOf("otter")]!]).toBe("aquatic_mammals");
  expect(coarseNames[coarseOfFine[fineNames.indexOf("tractor")]!]).toBe("vehicles_2");
});

describe("parseCifar100", () => {
  test("planes become channels", () => {
    const record = Uint8Array.from({ length: 3074 }, (_, i) =>
      i < 2 ? [4, 0][i]! : [10, 20, 30][Math.floor((i - 2) / 1024)]!,
    );
    record[2 + 5] = 11; // red, row 0, column 5
    record[2 + 2048 + 32] = 31; // blue, row 1, column 0
    const { images, labels, coarse } = parseCifar100(record, "train", { verify: false });
    expect([...images.subarray(15, 18), ...images.subarray(96, 99)]).toEqual([11, 20, 30, 10, 20, 31]);
    expect([labels[0], coarse[0]]).toEqual([0, 4]);
  });

  test("wrong sizes", () => {
    expect(() => parseCifar100(new Uint8Array(1234), "train")).toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar100] 'train.bin' must be 153,700,000 bytes (50,000 images of 3,074), but got 1,234; it is truncated or another file: download the binary version of CIFAR-100 again, or pass { verify: false } for a set of your own in this format]`,
    );
    expect(() => parseCifar100(bytes.test, "test")).toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar100] 'test.bin' must be 30,740,000 bytes (10,000 images of 3,074), but got 368,880; it is truncated or another file: download the binary version of CIFAR-100 again, or pass { verify: false } for a set of your own in this format]`,
    );
    for (const length of [0, 3073, 3075]) {
      expect(() => parseCifar100(new Uint8Array(length), "test", own)).toThrow(
        "must be 1 to 50,000 images of 3,074 bytes",
      );
    }
  });

  test("labels that don't exist", () => {
    const broken = (at: number, value: number) =>
      parseCifar100(bytes.train.with(17 * 3074 + at, value), "train", { verify: false });
    expect(() => broken(1, 100)).toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar100] 'train.bin', image 17 (counted from 0): the fine label must be 0 to 99, but is 100; the file is damaged or of another format: download the binary version of CIFAR-100 again]`,
    );
    expect(() => broken(0, 20)).toThrow(
      "image 17 (counted from 0): the coarse label must be 0 to 19, but is 20",
    );
    const wrong = (set.train.coarse[17]! + 1) % 20;
    expect(() => broken(0, wrong)).toThrow(/the coarse label must be \d+ \(\w+\) for fine label/);
  });
});

describe("readCifar100", () => {
  test.each([1009, 3074, 1 << 20])(
    "a .tar.gz, a .tar and two files, in chunks of %i bytes",
    async (chunk) => {
      const sources = [
        streamOf(tarGz(entries), chunk),
        streamOf(tar(entries), chunk),
        { train: streamOf(bytes.train, chunk), test: streamOf(bytes.test, chunk) },
      ];
      for (const source of sources) {
        const read = await readCifar100(source, own);
        expectEqual(read.train, set.train);
        expectEqual(read.test, set.test);
      }
    },
  );

  test("bytes in memory, async iterables, files at the top of an archive", async () => {
    const top = entries.map((entry) => ({ ...entry, name: entry.name.replace(folder, ".") }));
    async function* pieces() {
      yield bytes.train.subarray(0, 5000);
      yield new Uint8Array(0);
      yield bytes.train.subarray(5000);
    }
    for (const source of [tarGz(entries), tar(top), { train: pieces(), test: bytes.test }]) {
      expectEqual((await readCifar100(source, own)).train, set.train);
    }
  });

  test("passes on the bytes of each file", async () => {
    const seen: Record<string, Uint8Array[]> = { "train.bin": [], "test.bin": [] };
    await readCifar100(tarGz(entries), {
      ...own,
      onFileBytes: (file, piece) => seen[file]!.push(piece.slice()),
    });
    expect(Buffer.compare(join(seen["train.bin"]!), bytes.train)).toBe(0);
    expect(Buffer.compare(join(seen["test.bin"]!), bytes.test)).toBe(0);
  });
});

describe("what isn't the set", () => {
  const read = (source: Uint8Array, verify = false) => readCifar100(streamOf(source), { ...own, verify });
  const archive = tarGz(entries);
  const gzip = (text: string) => new Uint8Array(gzipSync(text));
  const ascii = (text: string) => new TextEncoder().encode(text);
  const other = (...names: string[]) => tarGz(names.map((name) => ({ name, body: "x" })));

  test("a set of another size, unless asked for", async () => {
    await expect(read(archive, true)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar100] 'cifar-100-binary/test.bin' in 'set.tar.gz' must be 30,740,000 bytes (10,000 images of 3,074), but got 368,880; it is truncated or another file: download the binary version of CIFAR-100 again, or pass { verify: false } for a set of your own in this format]`,
    );
  });
  test("a truncated .tar.gz", async () => {
    await expect(read(archive.subarray(0, archive.length / 2))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar100] 'set.tar.gz' is damaged or truncated: its gzip data ends early or fails its checksum; download it again]`,
    );
    await expect(read(archive.subarray(0, archive.length - 3))).rejects.toThrow("damaged or truncated");
    await expect(read(archive.subarray(0, 15))).rejects.toThrow("damaged or truncated");
  });
  test("a damaged .tar.gz", async () => {
    await expect(read(archive.with(archive.length - 6, archive.at(-6)! ^ 1))).rejects.toThrow(
      "damaged or truncated",
    );
  });
  test("a truncated .tar", async () => {
    await expect(read(tar(entries).subarray(0, 200_000))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar100] 'cifar-100-binary/test.bin' in 'set.tar.gz' must be 1 to 50,000 images of 3,074 bytes, but got 197,952; it is truncated or of another format]`,
    );
  });
  test("a web page", async () => {
    await expect(read(ascii("<!DOCTYPE html><html>404"))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar100] 'set.tar.gz' must be a .tar.gz or .tar archive, but it is a web page (a download that went wrong); get the binary version of CIFAR-100, cifar-100-binary.tar.gz]`,
    );
  });
  test("nothing; a zip; raw records; a zlib stream", async () => {
    await expect(read(new Uint8Array(0))).rejects.toThrow("but it is empty");
    await expect(read(ascii("PK\x03\x04...."))).rejects.toThrow("but it is a zip file");
    await expect(read(bytes.test)).rejects.toThrow(/but it starts with the bytes [0-9a-f ]{11};/);
    await expect(read(new Uint8Array(deflateSync("x")))).rejects.toThrow(
      "but it starts with the bytes 78 9c",
    );
  });
  test("gzip of something else", async () => {
    await expect(read(gzip("hello"))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [tar] 'set.tar.gz' holds no tar archive; download it again]`,
    );
    await expect(read(gzip(""))).rejects.toThrow("it lacks train.bin and test.bin and holds no other file");
  });
  test("the Python version; CIFAR-10; something else", async () => {
    const python = ["meta", "file.txt~", "train", "test"].map((name) => `cifar-100-python/${name}`);
    await expect(read(other(...python))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar100] 'set.tar.gz' must hold train.bin and test.bin, but it lacks train.bin and test.bin and holds cifar-100-python/meta, cifar-100-python/file.txt~, cifar-100-python/train, cifar-100-python/test (the Python version of CIFAR-100); get the binary version of CIFAR-100, cifar-100-binary.tar.gz]`,
    );
    const ten = [1, 2, 3, 4, 5].map((i) => `cifar-10-batches-bin/data_batch_${i}.bin`);
    await expect(
      read(other(...ten, "cifar-10-batches-bin/test_batch.bin")),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar100] 'set.tar.gz' must hold train.bin and test.bin, but it lacks train.bin and test.bin and holds cifar-10-batches-bin/data_batch_1.bin, cifar-10-batches-bin/data_batch_2.bin, cifar-10-batches-bin/data_batch_3.bin, cifar-10-batches-bin/data_batch_4.bin, 2 more (CIFAR-10); get the binary version of CIFAR-100, cifar-100-binary.tar.gz]`,
    );
    await expect(read(other("photo.jpg"))).rejects.toThrow("holds photo.jpg; get the binary version");
  });
  test("an archive with one of the files", async () => {
    await expect(read(tarGz(entries.slice(0, 3)))).rejects.toThrow("but it lacks train.bin and holds");
  });
  test("paths out of the archive, and links", async () => {
    const outside = (name: string, type = "0") =>
      tarGz([...entries.slice(0, 3), { name, type, body: bytes.train }]);
    await expect(read(outside("../../train.bin"))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar100] 'set.tar.gz' must hold train.bin and test.bin, but it lacks train.bin and holds cifar-100-binary/fine_label_names.txt, ../../train.bin (links and paths out of the archive aren't followed); get the binary version of CIFAR-100, cifar-100-binary.tar.gz]`,
    );
    for (const name of [
      "/etc/train.bin",
      "a/../../train.bin",
      "..\\train.bin",
      "C:\\train.bin",
      "d/..\\train.bin",
    ]) {
      await expect(read(outside(name))).rejects.toThrow("but it lacks train.bin and holds");
    }
    for (const type of ["1", "2"]) {
      const links = tarGz([...entries.slice(0, 3), { name: `${folder}/train.bin`, type }]);
      await expect(read(links)).rejects.toThrow("links and paths out of the archive aren't followed");
    }
  });
  test("two of one file", async () => {
    await expect(read(tarGz([...entries, entries[3]!]))).rejects.toThrow("is a second");
  });
  test("a file that goes on, or ends early", async () => {
    const files = (train: Uint8Array) =>
      readCifar100({ train, test: bytes.test }, { verify: false, name: "dir" });
    await expect(files(bytes.train.subarray(0, 9000))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar100] 'dir/train.bin' must be 1 to 50,000 images of 3,074 bytes, but got 9,000; it is truncated or of another format]`,
    );
    const decoder = new RecordDecoder(cifar100Format, cifar100Format.files[1]!);
    const apples = new Uint8Array(5000 * 3074);
    for (let i = 0; i < apples.length; i += 3074) apples[i] = 4;
    decoder.push(apples);
    decoder.push(apples);
    expect(() => decoder.push(apples)).toThrow("but it goes on after that");
  });

  test("damage anywhere gives a set or a DatasetError", async () => {
    const small = syntheticCifar100({ trainCount: 1, testCount: 1 });
    const plain = tar([
      { name: "././@LongLink", type: "L", body: `${folder}/train.bin\0` },
      { name: "cut", body: encodeCifar100(small.train) },
      { name: "pax", type: "x", body: pax("path", "test.bin") },
      { name: "cut", body: encodeCifar100(small.test) },
    ]);
    for (const whole of [plain, new Uint8Array(gzipSync(plain))]) {
      for (let i = 0; i < 400; i++) {
        // Multiples of a prime: places spread over the file, more of them in its first headers.
        const at = (i * 7919) % (i % 2 === 0 ? whole.length : 1100);
        const damaged = i % 5 === 0 ? whole.subarray(0, at) : whole.with(at, whole[at]! ^ (1 << (i % 8)));
        await read(damaged).catch((error: unknown) => expect(error).toBeInstanceOf(DatasetError));
      }
    }
  });

  test("a stream's own error comes through, and an error stops the stream", async () => {
    const failing = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error("the network is down")),
    });
    await expect(readCifar100(failing)).rejects.toThrow("the network is down");
    async function* later() {
      yield archive.subarray(0, 5000);
      throw new Error("the disk is gone");
    }
    await expect(readCifar100(later(), own)).rejects.toThrow("the disk is gone");
    const stream = streamOf(archive);
    await expect(readCifar100(stream)).rejects.toThrow("must be 30,740,000 bytes");
    await expect.poll(() => stream.cancelled).toBe(true); // through DecompressionStream it takes a moment
  });
});
