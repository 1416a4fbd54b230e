/** What can't be replayed is refused while it's recorded, with the op and the reason. */
import { expect, it } from "vitest";
import { createGpu, mul, optim, softmaxCrossEntropy, sum, type Tensor } from "wgrad";
import { gpu } from "../support/gpu.ts";

const x = gpu.tensor([1, 2], [1, 2], { name: "x" });
const message = (fn: () => unknown) => {
  try {
    gpu.record(fn)();
  } catch (error) {
    return (error as Error).message;
  }
  return "nothing was thrown";
};

it("refuses what a replay wouldn't repeat", () => {
  const weight = gpu.tensor([1], [1], { requiresGrad: true });
  const optimizer = optim.sgd([weight], { lr: 1 });
  const inner = gpu.record(() => gpu.full([1], 1));
  expect([
    message(() => x.data()),
    message(() => sum(x).item()),
    message(async () => x),
    message(() => gpu.idle()),
    message(() => gpu.tensor([1])),
    message(() => x.write([1, 2])),
    message(() => softmaxCrossEntropy(x, Int32Array.of(1))),
    message(() => {
      optimizer.lr = 2;
    }),
    message(() => optim.sgd([gpu.full([1], 1)], { lr: 1 })),
    message(() => inner()),
    message(() => gpu.record(() => 0)()),
  ]).toMatchInlineSnapshot(`
    [
      "[data] can't be recorded: the values of 'x' [1, 2] aren't known yet; return it and read it outside",
      "[item] can't be recorded: the values of tensor [] aren't known yet; return it and read it outside",
      "[record] 'fn' must be synchronous; return tensors and await their data outside",
      "[idle] can't be recorded: nothing has run yet; wait outside",
      "[tensor] can't be recorded: host data would be the same in every replay; pass it as an argument",
      "[write] can't be recorded: 'x' [1, 2] would get the same values in every replay; write between the calls, or pass an argument",
      "[softmaxCrossEntropy] can't be recorded: labels of the host would be the same in every replay; pass them as an argument",
      "[sgd] can't be recorded: set 'lr' between the calls of a recorded step",
      "[storage] can't be recorded: tensors would move in every replay; make optimisers before the step is recorded",
      "[record] a recorded step can't be called while another is recorded; call its function there",
      "[record] a recorded step can't be called while another is recorded; call its function there",
    ]
  `);
  expect(optimizer.lr).toBe(1);
});

it("leaves leaves without a gradient where 'fn' threw after backward()", () => {
  const weight = gpu.tensor([1], [1], { requiresGrad: true });
  const failing = () => {
    sum(weight).backward();
    throw new Error("after backward()");
  };
  expect(message(failing)).toBe("after backward()");
  expect(weight.grad).toBeNull();
});

it("refuses to accumulate in a gradient of an argument", () => {
  const weight = gpu.tensor([1], [1], { requiresGrad: true, name: "w" });
  const step = gpu.record((w: Tensor) => sum(mul(w, w)).backward({ accumulate: true }));
  expect(() => step(weight)).toThrowErrorMatchingInlineSnapshot(
    `[Error: [record] 'fn' accumulates the gradient of its argument 'w' [1], which is a copy; use the tensor from outside of 'fn' instead]`,
  );
});

it("refuses arguments that it can't copy", () => {
  const w = gpu.tensor([1, 2], [1, 2], { requiresGrad: true });
  const step = gpu.record((..._: unknown[]) => 0);
  const refused = (...args: unknown[]) => {
    try {
      step(...args);
    } catch (error) {
      return (error as Error).message;
    }
    return "nothing was thrown";
  };
  const many = () => {
    for (let k = 0; k < 40; k++) step(k);
  };
  expect([
    refused(mul(w, w)),
    refused(new Uint8Array(3)),
    refused({ batch: [new Float64Array(1)] }),
  ]).toMatchInlineSnapshot(`
    [
      "[record] the argument tensor [1, 2] is the result of 'mul', whose gradient a recording can't pass on; give it as tensor.detach(), or compute it in 'fn'",
      "[record] typed arrays must be Float32Array, Int32Array or Uint32Array, but got Uint8Array",
      "[record] typed arrays must be Float32Array, Int32Array or Uint32Array, but got Float64Array",
    ]
  `);
  expect(many).toThrowErrorMatchingInlineSnapshot(
    `[Error: [record] 'fn' was called with 32 different shapes or values, and each takes a recording; pass what varies as a tensor or a typed array]`,
  );
});

it("can be tried again after a refusal, and works as it did eagerly", async () => {
  let faulty = true;
  const step = gpu.record((a: Tensor) => {
    const y = sum(a);
    if (faulty) y.data();
    return y;
  });
  expect(() => step(x)).toThrow("[data] can't be recorded");
  faulty = false;
  expect(await step(x).item()).toBe(3);
  expect(await sum(x).item()).toBe(3);
});

it("says when the device is gone", async () => {
  const own = await createGpu({ device: gpu.device.raw });
  const step = own.record(() => own.full([1], 1));
  step();
  own.destroy();
  expect(() => step()).toThrow("the device was destroyed");
});
