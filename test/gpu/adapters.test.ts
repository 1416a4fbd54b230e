/** Choosing an adapter by its name. */
import { describe, expect, it } from "vitest";
import { createGpu, NoAdapterError } from "wgrad";
import { formatAdapter, listAdapters } from "wgrad/node";
import { describeAdapter } from "../../src/gpu/adapter.ts";
import { chooseAdapter, parseAdapters } from "../../src/gpu/adapters.node.ts";

const laptop = parseAdapters(
  [
    "no suitable backends found",
    "Available adapters:",
    " * backend: 'd3d12', name: 'NVIDIA GeForce RTX 4060 Laptop GPU'",
    " * backend: 'd3d12', name: 'Intel(R) Iris(R) Xe Graphics'",
    " * backend: 'vulkan', name: 'NVIDIA GeForce RTX 4060 Laptop GPU'",
    " * backend: 'd3d12', name: 'Bob's adapter'",
  ].join("\n"),
);

describe("chooseAdapter", () => {
  it.each([
    ["intel", "Intel(R) Iris(R) Xe Graphics (d3d12)"],
    ["nvidia", "NVIDIA GeForce RTX 4060 Laptop GPU (d3d12)"],
    ["gpu (vulkan)", "NVIDIA GeForce RTX 4060 Laptop GPU (vulkan)"],
    ["VULKAN", "NVIDIA GeForce RTX 4060 Laptop GPU (vulkan)"],
    ["Bob's adapter", "Bob's adapter (d3d12)"],
  ])("%s", (wanted, name) => {
    const choice = chooseAdapter(laptop, wanted);
    expect(typeof choice === "string" ? choice : formatAdapter(choice)).toBe(name);
  });

  it("prefers a whole name to names that hold it", () => {
    const cards = ["A100", "A100 80 GB"].map((name) => ({ name, backend: "vulkan" }));
    expect(chooseAdapter(cards, "A100")).toBe(cards[0]);
    expect(chooseAdapter(cards, "a100")).toMatchInlineSnapshot(
      `"'a100' fits 'A100 (vulkan)', 'A100 80 GB (vulkan)'; give more of the name"`,
    );
  });

  it("names the adapters", () => {
    expect(chooseAdapter(laptop.slice(0, 2), "radeon")).toMatchInlineSnapshot(
      `"no adapter's name holds 'radeon'; there are 'NVIDIA GeForce RTX 4060 Laptop GPU (d3d12)', 'Intel(R) Iris(R) Xe Graphics (d3d12)'"`,
    );
    expect(chooseAdapter([], "radeon")).toMatchInlineSnapshot(
      `"no adapter's name holds 'radeon'; there is none at all"`,
    );
  });
});

describe("this machine's adapters", async () => {
  const adapters = await listAdapters();

  it("are listed", () => {
    expect(adapters.length).toBeGreaterThan(0);
    for (const { name, backend } of adapters) expect([name, backend]).not.toContain("");
  });

  it("are opened by name, and compute", async () => {
    for (const adapter of adapters) {
      const gpu = await createGpu({ adapter: formatAdapter(adapter) }).catch((error) => {
        if (error instanceof NoAdapterError) return undefined; // listed, but too old for WebGPU
        throw error;
      });
      expect(await gpu?.tensor([1, 2]).data()).toEqual(gpu && new Float32Array([1, 2]));
      gpu?.destroy();
    }
  });

  it("an unknown one is an error that lists them", async () => {
    const list = adapters.map((adapter) => `'${formatAdapter(adapter)}'`).join(", ");
    await expect(createGpu({ adapter: "Voodoo 2" })).rejects.toThrow(
      `[createGpu] no adapter's name holds 'Voodoo 2'; there are ${list}`,
    );
  });
});

describe("an opened adapter's name", () => {
  it.each([
    [{ device: "nvidia-h200", description: "NVIDIA: 580.159.04" }, "nvidia-h200, NVIDIA: 580.159.04"],
    [{ vendor: "apple", architecture: "metal-3" }, "apple metal-3"],
    [{ vendor: "mesa", device: "llvmpipe-256-bits", description: "llvmpipe: Mesa 25" }, "llvmpipe: Mesa 25"],
    [{}, "unnamed adapter"],
  ])("%o", (said, name) => {
    const adapterInfo = { vendor: "", architecture: "", device: "", description: "", ...said };
    const device: GPUDevice = Object.create(null, {
      ...{ adapterInfo: { value: adapterInfo }, features: { value: new Set() } },
    });
    expect(describeAdapter(device).name).toBe(name);
  });
});
