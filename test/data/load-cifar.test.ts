import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeCifar100 } from "../../src/data/cifar-binary.ts";
import { loadCifar100 } from "../../src/data/node/load-cifar.ts";
import { syntheticCifar100 } from "../../src/data/synthetic.ts";
import { tarGz } from "./archives.ts";

const set = syntheticCifar100({ trainCount: 200, testCount: 100, seed: 2 });
const train = encodeCifar100(set.train);
const testBytes = encodeCifar100(set.test);
let root = "";
/** The message with the temporary folder's name taken out. */
const message = (path: string, verify?: boolean) =>
  loadCifar100(path, verify === undefined ? {} : { verify }).then(
    () => "no error",
    (error: Error) => `${error.name}: ${error.message.replaceAll(root, "ROOT").replaceAll("\\", "/")}`,
  );

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "wgrad-data-"));
  for (const folder of ["flat", "nested/cifar-100-binary", "archived", "half", "empty"]) {
    await mkdir(join(root, folder), { recursive: true });
  }
  for (const folder of ["flat", "nested/cifar-100-binary"]) {
    await writeFile(join(root, folder, "train.bin"), train);
    await writeFile(join(root, folder, "test.bin"), testBytes);
  }
  await writeFile(join(root, "half", "test.bin"), testBytes);
  const archive = tarGz([
    { name: "cifar-100-binary/test.bin", body: testBytes },
    { name: "cifar-100-binary/train.bin", body: train },
  ]);
  await writeFile(join(root, "archived", "cifar-100-binary.tar.gz"), archive);
  await writeFile(join(root, "truncated.tar.gz"), archive.subarray(0, 100_000));
});
afterAll(() => rm(root, { recursive: true }));

describe("loadCifar100", () => {
  test.each(["flat", "nested", "archived", "archived/cifar-100-binary.tar.gz"])(
    "a set of one's own: %s",
    async (path) => {
      const read = await loadCifar100(join(root, path), { verify: false });
      expect(Buffer.compare(read.train.images, set.train.images)).toBe(0);
      expect([read.train.count, read.test.count, read.test.labels]).toEqual([200, 100, set.test.labels]);
    },
  );

  test("is refused by default", async () => {
    expect(await message(join(root, "flat"))).toMatchInlineSnapshot(
      `"DatasetError: [cifar100] 'ROOT/flat/train.bin' must be 153,700,000 bytes (50,000 images of 3,074), but got 614,800; it is truncated or another file: download the binary version of CIFAR-100 again, or pass { verify: false } for a set of your own in this format"`,
    );
    expect(await message(join(root, "archived"))).toMatchInlineSnapshot(
      `"DatasetError: [cifar100] 'cifar-100-binary/test.bin' in 'ROOT/archived/cifar-100-binary.tar.gz' must be 30,740,000 bytes (10,000 images of 3,074), but got 307,400; it is truncated or another file: download the binary version of CIFAR-100 again, or pass { verify: false } for a set of your own in this format"`,
    );
  });

  test("what isn't there", async () => {
    expect(await message(join(root, "nowhere"))).toMatchInlineSnapshot(
      `"DatasetError: [cifar100] 'ROOT/nowhere' must be a folder with train.bin and test.bin, or cifar-100-binary.tar.gz, but there is no such file; get the binary version of CIFAR-100"`,
    );
    expect(await message(join(root, "empty"))).toMatchInlineSnapshot(
      `"DatasetError: [cifar100] 'ROOT/empty' must be a folder with train.bin and test.bin, or cifar-100-binary.tar.gz, but the folder has neither; get the binary version of CIFAR-100"`,
    );
    expect(await message(join(root, "half"))).toMatchInlineSnapshot(
      `"DatasetError: [cifar100] 'ROOT/half' must hold train.bin and test.bin, but has only test.bin; put train.bin of the same set there"`,
    );
    expect(await message(join(root, "truncated.tar.gz"), false)).toMatchInlineSnapshot(
      `"DatasetError: [cifar100] 'ROOT/truncated.tar.gz' is damaged or truncated: its gzip data ends early or fails its checksum; download it again"`,
    );
  });

  test("the right size with other bytes isn't the official set", async () => {
    const folder = join(root, "sized");
    await mkdir(folder);
    // Each image is an apple (fine label 0, coarse label 4), all black.
    for (const [file, count] of [
      ["train.bin", 50_000],
      ["test.bin", 10_000],
    ] as const) {
      const bytes = new Uint8Array(count * 3074);
      for (let i = 0; i < count; i++) bytes[i * 3074] = 4;
      await writeFile(join(folder, file), bytes);
    }
    expect(await message(folder)).toMatchInlineSnapshot(
      `"DatasetError: [cifar100] 'train.bin' in 'ROOT/sized' must be the official file, of md5 6172c7755cfe09b2fe270c85cebc1b15, but its md5 is 00a2de7930a76faa7fff51658b6397fb; download it again, or pass { verify: false } for a set of your own in this format"`,
    );
    expect((await loadCifar100(folder, { verify: false })).test.count).toBe(10_000);
    await rm(folder, { recursive: true });
  });

  // The real set lies beside the repository on the project's own machines, and is never committed.
  const real = fileURLToPath(new URL("../../../shared/data/cifar-100-binary.tar.gz", import.meta.url));
  test("the real set", async (context) => {
    const missing =
      "the real CIFAR-100 isn't beside the repository (../shared/data): the synthetic set stands in for it";
    if (!existsSync(real)) context.skip(missing);
    const { train, test: held } = await loadCifar100(real);
    expect([train.count, held.count]).toEqual([50_000, 10_000]);
    expect([...train.labels.subarray(0, 3), ...held.labels.subarray(0, 3)]).toEqual([19, 29, 0, 49, 33, 72]);
    expect([...held.images.subarray(0, 1)]).toEqual([199]);
    const perClass = (labels: Uint8Array) => labels.filter((label) => label === 99).length;
    expect([perClass(train.labels), perClass(held.labels)]).toEqual([500, 100]);
  });
});
