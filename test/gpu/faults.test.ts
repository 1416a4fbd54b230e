/** Faults that kernels report: seen at the next read, whatever is read, once, with the words that the kernel gave. */
import { describe, expect, it } from "vitest";
import { defineFault } from "../../src/gpu/faults.ts";
import { kernel, wgsl } from "../../src/gpu/kernel.ts";
import { gpu } from "../support/gpu.ts";

const code = defineFault((a, b, c) => `[test] ${a}, ${b}, ${c}`);

const reportFault = kernel("report_fault", {
  update: { faults: "u32" },
  params: { n: "u32", code: "u32", a: "i32" },
  workgroupSize: 1,
  body: wgsl`
    if (i >= params.n || faults[0] != 0u) { return; }
    faults[0] = params.code;
    faults[1] = bitcast<u32>(params.a);
    faults[2] = 2u;
    faults[3] = 3u;`,
});

const report = (a: number, kind = code) =>
  reportFault(gpu.device, { faults: gpu.device.faults.view, n: 1, code: kind, a });

describe("faults", () => {
  it("surface at the next read of anything, the first one, once", async () => {
    const x = gpu.tensor([1, 2, 3]);
    report(-7);
    report(8);
    await expect(x.data()).rejects.toThrow("[test] -7, 2, 3");
    expect([...(await x.data())]).toEqual([1, 2, 3]);
    report(9);
    await expect(x.data()).rejects.toThrow("[test] 9, 2, 3");
    expect([...(await x.data())]).toEqual([1, 2, 3]);
  });

  it("come from kernels before the read, not after it", async () => {
    const x = gpu.tensor([4]);
    const before = x.data();
    report(1);
    expect([...(await before)]).toEqual([4]);
    await expect(x.item()).rejects.toThrow("[test] 1, 2, 3");
  });

  it("belong to one of several reads at a time, and none is lost between them", async () => {
    const x = gpu.tensor([4]);
    const reads = [x.data()];
    for (const a of [1, 2]) {
      report(a);
      reads.push(x.data(), x.data());
    }
    const outcomes = await Promise.allSettled(reads);
    expect(
      outcomes.map((outcome) => (outcome.status === "rejected" ? outcome.reason.message : "done")),
    ).toEqual([...["done", "[test] 1, 2, 3", "done", "[test] 2, 2, 3", "done"]]);
  });

  it("of an unknown kind are errors too", async () => {
    report(1, 4_000_000);
    await expect(gpu.tensor([4]).data()).rejects.toThrow("unknown fault 4000000");
  });

  it("don't disturb reads of any size", async () => {
    for (const count of [1, 2, 3, 63, 64, 65, 1021]) {
      const values = Float32Array.from({ length: count }, (_, k) => k);
      expect(await gpu.tensor(values).data()).toEqual(values);
    }
  });
});
