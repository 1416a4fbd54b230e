/** CIFAR-100 in the worker: what it takes, what it refuses, what it keeps for the next visit. */
import { describe, expect, it } from "vitest";
import { data } from "wgrad";
import { MemoryFiles } from "../../examples/cifar100/web/worker/files.ts";
import { DataReader } from "../../examples/cifar100/web/worker/read-data.ts";
import { encodeCifar100, parseCifar100 } from "../../src/data/cifar-binary.ts";
import { tarGz } from "../data/archives.ts";

const { train, test } = data.syntheticCifar100({ trainCount: 30, testCount: 10 });
const bins = { "train.bin": encodeCifar100(train), "test.bin": encodeCifar100(test) };
const archive = new File(
  [
    new Uint8Array(
      tarGz(Object.entries(bins).map(([name, body]) => ({ name: `cifar-100-binary/${name}`, body }))),
    ),
  ],
  "small.tar.gz",
);
const binFiles = Object.entries(bins).map(([name, body]) => new File([body], name));

function makeReader(files = new MemoryFiles()) {
  const troubles: unknown[] = [];
  const readings: [string, number, number][] = [];
  const reader = new DataReader(
    files,
    (...reading) => readings.push(reading),
    (error) => troubles.push(error),
  );
  return { files, reader, readings, troubles };
}

const messageOf = (work: Promise<unknown>) =>
  work.then(
    () => "no error",
    (error) => (error instanceof Error ? error.message : String(error)),
  );

describe("data of the page", () => {
  it.each([
    ["an archive", [archive]],
    ["two files", binFiles],
    ["two files the other way round", binFiles.toReversed()],
  ])("reads %s and keeps it", async (_, given) => {
    const { files, reader, readings, troubles } = makeReader();
    const { sets, stored, name } = await reader.readFiles(given, false);
    expect([name, stored, troubles]).toEqual(["CIFAR-100", true, []]);
    expect(sets.train.images).toEqual(parseCifar100(bins["train.bin"], "train", { verify: false }).images);
    expect(sets.test.labels).toEqual(test.labels);
    const total = given.reduce((sum, { size }) => sum + size, 0);
    expect(readings.at(-1)).toEqual([given.map((file) => file.name).join(" and "), total, total]);

    const later = makeReader(files).reader;
    expect(await later.stored()).toMatchObject({ bytes: 40 * 3074 });
    const again = await later.readStored();
    expect(again.sets.train.images).toEqual(sets.train.images);
    expect(again.sets.test.coarse).toEqual(sets.test.coarse);
    expect(again.stored).toBe(true);
    await later.forget();
    expect(await later.stored()).toBeUndefined();
    expect(await files.list("data")).toEqual([]);
  });

  it("draws the synthetic set", () => {
    const { sets, name, stored } = makeReader().reader.synthetic();
    expect([name, stored, sets.train.count, sets.test.count]).toEqual(["synthetic", false, 5_000, 1_000]);
  });

  it("refuses what isn't the official set, and keeps nothing of it", async () => {
    const { reader, files } = makeReader();
    await expect(reader.readFiles([archive], true)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar100] 'cifar-100-binary/train.bin' in 'small.tar.gz' must be 153,700,000 bytes (50,000 images of 3,074), but got 92,220; it is truncated or another file: download the binary version of CIFAR-100 again, or pass { verify: false } for a set of your own in this format]`,
    );
    await expect(reader.readFiles(binFiles, true)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [cifar100] 'train.bin' must be 153,700,000 bytes (50,000 images of 3,074), but got 92,220; it is truncated or another file: download the binary version of CIFAR-100 again, or pass { verify: false } for a set of your own in this format]`,
    );
    expect(await files.list("data")).toEqual([]);
  });

  it("names the wrong file", async () => {
    const { reader } = makeReader();
    const named = (name: string, body: BlobPart = "text") => new File([body], name);
    expect(await messageOf(reader.readFiles([], false))).toMatchInlineSnapshot(
      `"CIFAR-100 is one archive, cifar-100-binary.tar.gz, or its files train.bin and test.bin together, but nothing came. Drop or pick the archive, or both files at once."`,
    );
    expect(await messageOf(reader.readFiles([named("train.bin")], false))).toMatchInlineSnapshot(
      `"CIFAR-100 is one archive, cifar-100-binary.tar.gz, or its files train.bin and test.bin together, but 'train.bin' came. Drop or pick the archive, or both files at once."`,
    );
    expect(
      await messageOf(reader.readFiles([named("a.png"), named("train.bin")], false)),
    ).toMatchInlineSnapshot(
      `"CIFAR-100 is one archive, cifar-100-binary.tar.gz, or its files train.bin and test.bin together, but 'a.png', 'train.bin' came. Drop or pick the archive, or both files at once."`,
    );
    expect(
      await messageOf(reader.readFiles([named("cifar.zip", "PK\u0003\u0004")], false)),
    ).toMatchInlineSnapshot(
      `"[cifar100] 'cifar.zip' must be a .tar.gz or .tar archive, but it is a zip file; get the binary version of CIFAR-100, cifar-100-binary.tar.gz"`,
    );
    expect(
      await messageOf(reader.readFiles([new File([archive.slice(0, 5000)], "cut.tar.gz")], false)),
    ).toMatchInlineSnapshot(
      `"[cifar100] 'cut.tar.gz' is damaged or truncated: its gzip data ends early or fails its checksum; download it again"`,
    );
    expect(
      await messageOf(reader.readFiles([named("train.bin"), named("test.bin")], false)),
    ).toMatchInlineSnapshot(
      `"[cifar100] 'train.bin' must be 1 to 50,000 images of 3,074 bytes, but got 4; it is truncated or of another format"`,
    );
    expect(await messageOf(reader.readStored())).toMatchInlineSnapshot(
      `"No data set of an earlier visit is here. Drop or pick CIFAR-100, or take the synthetic set."`,
    );
  });

  it("uses a set that can't be kept", async () => {
    class FullFiles extends MemoryFiles {
      override async openWriter() {
        let room = 50_000;
        return {
          append: ({ length }: Uint8Array) => {
            room -= length;
            if (room < 0) throw new DOMException("the disk is full", "QuotaExceededError");
          },
          close: () => {},
        };
      }
    }
    const { reader, troubles } = makeReader(new FullFiles());
    const { sets, stored } = await reader.readFiles([archive], false);
    expect([sets.train.count, stored, troubles.length]).toEqual([30, false, 1]);
    expect(await reader.stored()).toBeUndefined();
  });

  it("doesn't offer a set whose writing was cut off", async () => {
    const files = new MemoryFiles();
    await files.write("data/train.bin", bins["train.bin"]);
    expect(await makeReader(files).reader.stored()).toBeUndefined();
    await files.write("data/info.json", new TextEncoder().encode('{"name":"a.tar.gz","by'));
    expect(await makeReader(files).reader.stored()).toBeUndefined();
  });
});
