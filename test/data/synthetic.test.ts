import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { encodeCifar100, parseCifar100 } from "../../src/data/cifar-binary.ts";
import { syntheticCifar100, syntheticClassNames } from "../../src/data/synthetic.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe("synthetic CIFAR-100", () => {
  const set = syntheticCifar100({ trainCount: 1000, testCount: 200, seed: 7 });

  test("has the same bytes on every machine", () => {
    // A changed hash means that published runs on the synthetic set can't be repeated.
    expect(sha256(encodeCifar100(set.train))).toMatchInlineSnapshot(
      `"a6eec26b88a896c16cdc389cd470971db4a55376d118b86ef1e904d5f2e06174"`,
    );
    expect(sha256(encodeCifar100(set.test))).toMatchInlineSnapshot(
      `"6e6021d6c4058a6ea50ddaf5289568ae97eb997a2550ec9070f76e224a0718ba"`,
    );
  });

  test("shapes and names", () => {
    const { images, labels, coarse, count, classes, synthetic } = set.train;
    expect([images.length, labels.length, coarse.length, count]).toEqual([1000 * 3072, 1000, 1000, 1000]);
    expect([classes.length, new Set(classes).size, synthetic]).toEqual([100, 100, true]);
  });

  test("every hundred images hold every class once, in another order each", () => {
    const hundred = (i: number) => [...set.train.labels.subarray(100 * i, 100 * (i + 1))];
    for (let i = 0; i < 10; i++) expect(new Set(hundred(i)).size).toBe(100);
    expect(hundred(0)).not.toEqual(hundred(1));
  });

  test("a superclass is one shape", () => {
    const shape = (fine: number) => syntheticClassNames[fine]!.split(" ")[1]!;
    const shapes = new Map<number, Set<string>>();
    set.train.coarse.forEach((coarse, i) => {
      shapes.set(coarse, (shapes.get(coarse) ?? new Set()).add(shape(set.train.labels[i]!)));
    });
    expect([...shapes.values()].map((found) => found.size)).toEqual(Array(20).fill(1));
  });

  test("a smaller set is a prefix of a larger one", () => {
    const small = syntheticCifar100({ trainCount: 150, testCount: 1, seed: 7 }).train;
    expect(sha256(small.images)).toBe(sha256(set.train.images.subarray(0, 150 * 3072)));
    expect(small.labels).toEqual(set.train.labels.subarray(0, 150));
  });

  test("seeds, splits and images of a class differ", () => {
    const other = syntheticCifar100({ trainCount: 1000, testCount: 1, seed: 8 });
    const images = [set.train, set.test, other.train].flatMap(({ images, count }) =>
      Array.from({ length: count }, (_, i) => sha256(images.subarray(i * 3072, (i + 1) * 3072))),
    );
    expect(new Set(images).size).toBe(2200);
  });

  test("survives the official format", () => {
    const bytes = encodeCifar100(set.test);
    expect(bytes.length).toBe(200 * 3074);
    const back = parseCifar100(bytes, "test", { verify: false });
    expect(sha256(back.images)).toBe(sha256(set.test.images));
    expect([back.labels, back.coarse]).toEqual([set.test.labels, set.test.coarse]);
  });

  test("counts are checked", () => {
    for (const testCount of [0, -1, 1.5, Number.NaN]) {
      expect(() => syntheticCifar100({ trainCount: 1, testCount })).toThrow(
        `'testCount' must be a positive integer`,
      );
    }
  });
});
