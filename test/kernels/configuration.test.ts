/** The choice of a configuration: by the adapter, or as asked for. */
import { describe, expect, it } from "vitest";
import { createGpu, type GpuInfo } from "wgrad";
import { chooseConfiguration } from "../../src/kernels/configuration.ts";
import { gpu } from "../support/gpu.ts";

function device(info: Partial<GpuInfo>, wanted?: string) {
  const configurations = wanted === undefined ? {} : { gemm: wanted };
  return Object.create(gpu.device, {
    info: { value: { ...gpu.info, ...info } },
    configurations: { value: configurations },
  });
}

describe("chooseConfiguration", () => {
  it("takes tiled on GPUs, with Winograd's algorithm for convolutions, and in software subgroup or winograd where subgroups have a known size, otherwise plain", () => {
    expect(chooseConfiguration(device({ isSoftware: true, subgroupSize: 8 }), "gemm")).toBe("subgroup");
    expect(chooseConfiguration(device({ isSoftware: true, subgroupSize: 8 }), "conv2d")).toBe("winograd");
    expect(chooseConfiguration(device({ isSoftware: true, subgroupSize: 0 }), "gemm")).toBe("plain");
    expect(chooseConfiguration(device({ isSoftware: false, subgroupSize: 8 }), "gemm")).toBe("tiled");
    expect(chooseConfiguration(device({ isSoftware: false, subgroupSize: 0 }), "conv2d")).toBe(
      "tiled-winograd",
    );
    expect(chooseConfiguration(device({ isSoftware: true, subgroupSize: 64 }), "gemm")).toBe("plain");
  });

  it("takes what was asked for", () => {
    expect(chooseConfiguration(device({ isSoftware: true, subgroupSize: 8 }, "plain"), "gemm")).toBe("plain");
    expect(chooseConfiguration(device({ isSoftware: false, subgroupSize: 4 }, "subgroup"), "gemm")).toBe(
      "subgroup",
    );
  });

  it("refuses what is no family", async () => {
    await expect(
      createGpu({ configurations: { matmul: "plain" } }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[Error: [createGpu] 'configurations' may name gemm and conv2d, but has 'matmul']`,
    );
  });

  it("refuses what is unknown or can't run", () => {
    expect(() => chooseConfiguration(device({}, "fast"), "gemm")).toThrowErrorMatchingInlineSnapshot(
      `[Error: [gemm] 'configurations.gemm' must be "plain", "subgroup" or "tiled", but got "fast"]`,
    );
    expect(() => chooseConfiguration(device({}, "winograd"), "gemm")).toThrowErrorMatchingInlineSnapshot(
      `[Error: [gemm] 'configurations.gemm' must be "plain", "subgroup" or "tiled", but got "winograd"]`,
    );
    const wanted = (subgroupSize: number) => device({ subgroupSize }, "subgroup");
    expect(() => chooseConfiguration(wanted(0), "gemm")).toThrowErrorMatchingInlineSnapshot(
      `[Error: [gemm] the configuration "subgroup" can't run on this adapter: its subgroups have no fixed size; leave 'configurations.gemm' out or use "plain"]`,
    );
    expect(() => chooseConfiguration(wanted(32), "gemm")).toThrowErrorMatchingInlineSnapshot(
      `[Error: [gemm] the configuration "subgroup" can't run on this adapter: its subgroups have 32 lanes, not 4, 8, 16; leave 'configurations.gemm' out or use "plain"]`,
    );
  });
});
