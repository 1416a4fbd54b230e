/** An error is thrown at once, or by the wait after the work that failed, and by no other wait: also where a host delivers it late. */
import { describe, expect, it } from "vitest";
import { createGpu } from "wgrad";
import { kernel } from "../../src/gpu/kernel.ts";
import { copyQuads } from "../support/copy-quads.ts";
import { gpu } from "../support/gpu.ts";

const { device } = gpu;
const x = gpu.tensor([1, 2, 3, 4]).keep();
const y = gpu.zeros([4]).keep();

it("refuses at once to read and write one buffer, naming the kernel", async () => {
  expect(() => copyQuads(device, { x, y: x, n: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[Error: [copy_quads_for_test] writes binding 1 to the buffer that binding 0 reads too; a launch may only read a buffer, or only write it at ranges apart: copy one of them first]`,
  );
  expect([...(await x.data())]).toEqual([1, 2, 3, 4]);
});

const failures: [string, string, (k: number) => void][] = [
  [
    "a launch that isn't allowed",
    "copy_quads_for_test",
    // Bindings start at multiples of 256 bytes.
    () => copyQuads(device, { x: { buffer: x.buffer, byteOffset: 4, byteLength: 16 }, y, n: 1 }),
  ],
  [
    "submits that aren't allowed, one after the other",
    "[gpu]",
    () => {
      const beyond = { buffer: x.buffer, byteOffset: 0, byteLength: 4 * x.buffer.size };
      for (let k = 0; k < 40; k++) {
        device.stream.copy(beyond, y);
        device.stream.flush();
      }
    },
  ],
  [
    "a kernel that doesn't compile",
    "[broken_kernel] the kernel doesn't compile",
    (k) => {
      const body = `let a = ${k};\ny[i] = no_such_value;`;
      kernel("broken_kernel", { write: { y: "quad" }, params: { n: "u32" }, body })(device, { y, n: 1 });
    },
  ],
];

const waits: [string, () => Promise<unknown>][] = [
  ["data()", () => y.data()],
  ["idle()", () => gpu.idle()],
];

for (const [name, message, fail] of failures) {
  for (const [wait, once] of waits) {
    it(`${name}: thrown by one ${wait}`, async () => {
      for (let k = 0; k < 20; k++) {
        fail(k);
        await expect(once()).rejects.toThrow(message);
        await once();
        copyQuads(device, { x, y, n: 1 });
        expect([...(await y.data())]).toEqual([1, 2, 3, 4]);
      }
    });
  }
}

const brokenLaunch = (label: string, k: number) => {
  const body = `let a = ${k};\ny[i] = no_such_value;`;
  kernel(label, { write: { y: "quad" }, params: { n: "u32" }, body })(device, { y, n: 1 });
};
// One body would be one pipeline, with the label of the first.
const badLaunch = (label: string) => {
  const body = `let ${label} = x[i];\ny[i] = ${label};`;
  const launch = kernel(label, { read: { x: "quad" }, write: { y: "quad" }, params: { n: "u32" }, body });
  launch(device, { x: { buffer: x.buffer, byteOffset: 4, byteLength: 16 }, y, n: 1 });
};
const outcomeOf = (wait: Promise<unknown>) =>
  wait.then(
    () => "done",
    ({ message }: Error) => message,
  );

describe("of several waits at a time, each gets what went wrong since the one before", () => {
  for (const [wait, once] of waits) {
    it(wait, async () => {
      for (let k = 0; k < 20; k++) {
        const outcomes = [outcomeOf(once())];
        badLaunch("first_for_test");
        badLaunch("second_for_test");
        outcomes.push(outcomeOf(once()), outcomeOf(once()));
        brokenLaunch("third_for_test", k);
        outcomes.push(outcomeOf(once()));
        brokenLaunch("third_for_test", k);
        outcomes.push(outcomeOf(once()));
        badLaunch("fourth_for_test");
        outcomes.push(outcomeOf(once()), outcomeOf(gpu.idle()));
        expect(await Promise.all(outcomes)).toEqual([
          "done",
          expect.stringContaining("first_for_test"),
          "done",
          expect.stringContaining("[third_for_test] the kernel doesn't compile"),
          expect.stringContaining("[third_for_test] the kernel doesn't compile"),
          expect.stringContaining("fourth_for_test"),
          "done",
        ]);
      }
    });
  }
});

it("leaves an application that shares the device its own errors, and gets ours out of its scopes", async () => {
  const { raw } = device;
  const shared = await createGpu({ device: raw });
  const [a, b] = [shared.tensor([1, 2, 3, 4]), shared.zeros([4])];
  raw.pushErrorScope("validation");
  raw.createBuffer({ label: "theirs", size: 16, usage: 0 });
  copyQuads(shared.device, { x: { buffer: a.buffer, byteOffset: 4, byteLength: 16 }, y: b, n: 1 });
  const failing = outcomeOf(shared.idle());
  const theirs = await raw.popErrorScope();
  expect(theirs?.message).toContain("theirs");
  expect(await failing).toContain("copy_quads_for_test");
  expect([...(await b.data())]).toEqual([0, 0, 0, 0]);
});
