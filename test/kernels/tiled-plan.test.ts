/** Tiles stay within what every WebGPU device has, and each GPU gets enough workgroups. */
import { describe, expect, it } from "vitest";
import { choosePlan, tiles } from "../../src/kernels/tiled/plan.ts";
import { invocationsOf, tileName, workgroupBytes } from "../../src/kernels/tiled/tile.ts";
import { gpu } from "../support/gpu.ts";

describe("tiles", () => {
  for (const tile of tiles) {
    it(`${tileName(tile)} stays within WebGPU's default limits, and an invocation loads one block of a factor at most`, () => {
      expect(workgroupBytes(tile)).toBeLessThanOrEqual(16384);
      expect(invocationsOf(tile)).toBeLessThanOrEqual(256);
      const blocks = (extent: number) => (extent / 4) * (tile.depth / 4);
      expect(Math.max(blocks(tile.rows), blocks(tile.columns))).toBeLessThanOrEqual(invocationsOf(tile));
    });
  }
});

/** A plan in words: tile, workgroups, parts of k. */
function plan(
  vendor: string,
  rows: number,
  columns: number,
  depth: number,
  { largestBinding = 2 ** 31, name = "" } = {},
): string {
  const device = Object.create(gpu.device, {
    info: { value: { ...gpu.info, vendor, device: name } },
    limits: { value: { maxStorageBufferBindingSize: largestBinding } },
  });
  const { tile, splits } = choosePlan(device, { rows, columns, depth });
  const groups = Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns) * splits;
  return `${tileName(tile)}: ${groups} workgroups, ${splits} parts`;
}

describe("choosePlan", () => {
  it("takes the largest tile that keeps a GPU busy", () => {
    expect(plan("nvidia", 1024, 1024, 1024)).toMatchInlineSnapshot(
      `"128x64x16_8x8: 128 workgroups, 1 parts"`,
    );
    expect(plan("nvidia", 512, 512, 512)).toMatchInlineSnapshot(`"128x64x16_8x8: 128 workgroups, 4 parts"`);
    expect(plan("amd", 1024, 1024, 1024)).toMatchInlineSnapshot(`"128x64x16_8x8: 384 workgroups, 3 parts"`);
    expect(plan("apple", 1024, 1024, 1024)).toMatchInlineSnapshot(`"128x64x16_8x8: 384 workgroups, 3 parts"`);
    expect(plan("intel", 1024, 1024, 1024)).toMatchInlineSnapshot(`"64x64x16_8x4: 256 workgroups, 1 parts"`);
  });

  it("splits k where there are few tiles: VGG's filter gradients, and its last convolutions", () => {
    const weightGrad = (extent: number, ci: number, co: number) =>
      plan("nvidia", co, 9 * ci, 32 * extent * extent);
    expect(weightGrad(32, 64, 64)).toMatchInlineSnapshot(`"64x64x16_8x8: 216 workgroups, 24 parts"`);
    expect(weightGrad(16, 128, 128)).toMatchInlineSnapshot(`"128x64x16_8x8: 108 workgroups, 6 parts"`);
    expect(weightGrad(4, 512, 512)).toMatchInlineSnapshot(`"128x64x16_8x8: 576 workgroups, 2 parts"`);
    expect(plan("nvidia", 32 * 2 * 2, 512, 9 * 512)).toMatchInlineSnapshot(
      `"128x64x16_8x8: 128 workgroups, 16 parts"`,
    );
  });

  it("gives a GPU more workgroups whose name tells that it has more cores", () => {
    const splits = (name: string) =>
      Number(/(\d+) parts/.exec(plan("nvidia", 512, 512, 4608, { name }))?.[1]);
    expect(splits("nvidia-h200")).toBeGreaterThan(splits("nvidia-geforce-rtx-4070"));
    expect(splits("nvidia-rtx-a1000")).toBe(splits("nvidia-geforce-rtx-4070"));
  });

  it("doesn't waste a large tile on a thin product", () => {
    expect(plan("nvidia", 32, 4096, 4096)).toMatchInlineSnapshot(`"32x32x32_4x4: 256 workgroups, 2 parts"`);
  });

  it("keeps the parts within a binding", () => {
    expect(plan("nvidia", 64, 576, 131072, { largestBinding: 4 * 64 * 576 * 3 })).toMatch(/ 3 parts$/);
  });

  it("takes a vendor that it doesn't know", () => {
    expect(plan("", 1, 1, 1)).toMatchInlineSnapshot(`"32x32x32_4x4: 1 workgroups, 1 parts"`);
  });
});
