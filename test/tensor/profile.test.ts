/** `gpu.profile`: every launch and every byte of a step has its place, and the step is a step like any other. */
import { afterAll, describe, expect, it } from "vitest";
import {
  createGpu,
  type Gpu,
  nn,
  noGrad,
  optim,
  type Profile,
  relu,
  softmaxCrossEntropy,
  type Tensor,
} from "wgrad";
import { collectGarbage } from "../support/garbage.ts";
import { gpu } from "../support/gpu.ts";

class Net extends nn.Module {
  readonly first: nn.Linear;
  readonly drop: nn.Dropout;
  readonly second: nn.Linear;
  constructor(on: Gpu) {
    super();
    this.first = new nn.Linear(on, { in: 6, out: 8, init: nn.init.fanInUniform({ seed: 1 }) });
    this.drop = new nn.Dropout({ rate: 0.5, rng: on.rng(3) });
    this.second = new nn.Linear(on, { in: 8, out: 3, init: nn.init.fanInUniform({ seed: 2 }) });
  }
  forward(x: Tensor, options: nn.ForwardOptions = {}): Tensor {
    return this.second.forward(this.drop.forward(relu(this.first.forward(x)), options));
  }
}

const features = Float32Array.from({ length: 24 }, (_, k) => Math.sin(k));

/** A model that learns, always the same: `step` for a profile or a recording, `state` for comparing. */
function training(on: Gpu = gpu) {
  const model = new Net(on);
  const optimizer = optim.sgd(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const x = on.tensor(features, [4, 6], { name: "x" }).keep();
  const labels = on.tensor(Int32Array.of(0, 1, 2, 0), [4], { name: "labels" }).keep();
  const step = () => {
    softmaxCrossEntropy(model.forward(x, { training: true }), labels).backward();
    optimizer.step();
  };
  const state = async () => {
    const tensors = [...model.parameters(), ...model.parameters().flatMap(({ grad }) => grad ?? [])];
    const memory = Object.values(optimizer.stateDict().tensors);
    const arrays = await Promise.all([...tensors, ...memory].map((tensor) => tensor.data()));
    return [...arrays.map((array) => [...array]), await model.drop.rng.state()];
  };
  return { model, optimizer, step, state };
}

/** What a step gives, counted apart from the profile. */
function launchesOf(step: () => void): number {
  const { trace } = gpu.device.trace(false, () => gpu.scope(step));
  gpu.device.settle(trace);
  gpu.device.releaseDeferred(trace);
  return trace.commands.filter(({ kind }) => kind === "dispatch").length;
}

/** What follows each other: pass, module and op. */
function sequenceOf({ launches }: Profile): string[] {
  const places = launches.map(({ pass, module, op }) => `${pass} ${module} ${op}`);
  return places.filter((place, k) => place !== places[k - 1]);
}

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

const fresh = await createGpu();
afterAll(() => fresh.destroy());

const methods = gpu.device.raw.features.has("timestamp-query")
  ? (["timestamps", "waiting"] as const)
  : (["waiting"] as const);

const expected = [
  "forward first matmul",
  "forward first add",
  "forward Net relu",
  "forward drop dropout",
  "forward second matmul",
  "forward second add",
  "forward  softmaxCrossEntropy",
  "backward  softmaxCrossEntropy",
  "backward second add",
  "backward second matmul",
  "backward drop dropout",
  "backward Net relu",
  "backward first add",
  "backward first matmul",
  "update  sgd",
];

describe.each(methods)("by %s", (method) => {
  describe.each(["eager", "recorded"])("%s", (how) => {
    const prepare = () => {
      const made = training();
      return { ...made, run: how === "eager" ? made.step : gpu.record(made.step) };
    };

    it("accounts for every launch, with its module, op and pass", async () => {
      const { step, run } = prepare();
      run();
      const profile = await gpu.profile(run, { method });
      expect(profile.method).toBe(method);
      expect(profile.launches).toHaveLength(launchesOf(step));
      expect(sequenceOf(profile)).toEqual(expected);
      expect(profile.launches.every(({ ms }) => ms >= 0)).toBe(true);
      expect(profile.ms).toBeGreaterThan(0);
      for (const totals of [profile.modules, profile.kernels]) {
        expect(sum(totals.map(({ launches }) => launches))).toBe(profile.launches.length);
        expect(sum(totals.map(({ ms }) => ms))).toBeCloseTo(profile.ms, 9);
      }
      expect(profile.modules.map(({ name }) => name).sort()).toEqual(
        ["Net", "drop", "first", "second", "sgd", "softmaxCrossEntropy"].sort(),
      );
    });

    it("is a step like any other: same bits, same memory", async () => {
      const [profiled, plain] = [prepare(), prepare()];
      for (let k = 0; k < 5; k++) {
        gpu.scope(plain.run);
        if (k === 0 || k === 3) await gpu.profile(profiled.run, { method });
        else gpu.scope(profiled.run);
      }
      expect(await profiled.state()).toEqual(await plain.state());
      await collectGarbage();
      const { usedBytes } = gpu.memory;
      await gpu.profile(profiled.run, { method });
      gpu.scope(plain.run);
      expect(gpu.memory.usedBytes).toBe(usedBytes);
    });

    it("has a row for all memory", async () => {
      const { run } = prepare();
      gpu.scope(run);
      await gpu.profile(run, { method });
      await collectGarbage();
      const before = gpu.memory.usedBytes;
      const { memory, launches, peakBytes } = await gpu.profile(run, { method });
      const own = memory.filter(({ shared }) => !shared);
      const bytesOf = (rows: typeof own) => sum(rows.map(({ bytes }) => bytes));
      expect(bytesOf(own.filter(({ from }) => from === undefined))).toBe(before);
      expect(bytesOf(own.filter(({ to }) => to === undefined))).toBe(gpu.memory.usedBytes);
      expect(peakBytes).toBeGreaterThanOrEqual(before);
      const found = memory.find(
        ({ op, pass, module }) => op === "matmul" && pass === "forward" && module === "second",
      );
      expect(found).toMatchObject({ shape: [4, 3], from: expect.any(Number), to: expect.any(Number) });
      expect(found?.from).toBeLessThan(found?.to ?? 0);
      for (const { from = 0, to = launches.length } of memory)
        expect(from <= to && to <= launches.length).toBe(true);
      for (const name of ["first.weight", "second.bias.grad", "velocity.0", "x"])
        expect(memory.filter((row) => row.name === name).length, name).toBeGreaterThan(0);
      expect(memory.some(({ shared }) => shared)).toBe(how === "recorded");
    });
  });
});

it("gives a first step on a new GPU the bits of one that isn't profiled", async () => {
  const [there, here] = [training(fresh), training()];
  const profile = await fresh.profile(there.step);
  gpu.scope(here.step);
  expect(await there.state()).toEqual(await here.state());
  expect(sequenceOf(profile)).toEqual(expected);
});

it("keeps host data in program order", async () => {
  const x = gpu.tensor([1, 1, 1, 1]).keep();
  const results: Tensor[] = [];
  await gpu.profile(() => {
    const host = new Float32Array([1, 2, 3, 4]);
    for (let k = 0; k < 3; k++) {
      x.write(host);
      results.push(relu(x).keep());
      host.fill(k + 5);
      gpu.tensor([9, 9, 9, 9]);
    }
  });
  expect(await Promise.all(results.map(async (y) => [...(await y.data())]))).toEqual([
    [1, 2, 3, 4],
    [5, 5, 5, 5],
    [6, 6, 6, 6],
  ]);
});

it("profiles evaluation, and names what is outside of modules by its op", async () => {
  const layer = new nn.Linear(gpu, { in: 6, out: 3 });
  const x = gpu.tensor(features, [4, 6]).keep();
  const profile = await gpu.profile(() => noGrad(() => relu(layer.forward(x))));
  expect(sequenceOf(profile)).toEqual(["forward Linear matmul", "forward Linear add", "forward  relu"]);
  expect(profile.modules.map(({ name }) => name).sort()).toEqual(["Linear", "relu"]);
});

interface Event {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
  readonly args: Readonly<Record<string, unknown>>;
}

describe("the trace", () => {
  it("is Trace Event Format: named, monotone, nested", async () => {
    const { step } = training();
    const profile = await gpu.profile(step);
    const { traceEvents: events } = JSON.parse(profile.trace()) as { readonly traceEvents: Event[] };
    const of = (ph: string) => events.filter((event) => event.ph === ph);
    expect(new Set(events.map(({ ph }) => ph))).toEqual(new Set(["M", "X", "C"]));
    expect(events.every(({ name, pid }) => name !== "" && pid === 1)).toBe(true);
    expect(of("M").map(({ name, args }) => `${name} ${String(args.name ?? args.sort_index)}`)).toEqual([
      `process_name GPU: ${gpu.info.name}`,
      "thread_name modules and ops",
      "thread_sort_index 1",
      "thread_name kernels",
      "thread_sort_index 2",
    ]);
    const times = [...of("X"), ...of("C")].map(({ ts }) => ts);
    expect(times.every((ts) => ts >= 0 && Number.isInteger(8 * ts))).toBe(true);
    const timed = events.filter(({ ph }) => ph !== "M").map(({ ts }) => ts);
    expect(timed).toEqual([...timed].sort((a, b) => a - b));

    const kernels = of("X").filter(({ tid }) => tid === 2);
    expect(kernels.map(({ name }) => name)).toEqual(profile.launches.map(({ kernel }) => kernel));
    let end = 0;
    for (const { ts, dur } of kernels) {
      expect(ts).toBe(end);
      end = ts + dur;
    }
    expect(end).toBeCloseTo(1000 * profile.ms, 0);

    const open: number[] = [];
    for (const { ts, dur } of of("X").filter(({ tid }) => tid === 1)) {
      while (open.length > 0 && (open.at(-1) ?? 0) <= ts) open.pop();
      expect(ts + dur).toBeLessThanOrEqual(open.at(-1) ?? end);
      open.push(ts + dur);
    }
    const names = of("X")
      .filter(({ tid }) => tid === 1)
      .map(({ name }) => name);
    expect(names.slice(0, 4)).toEqual(["forward", "first", "matmul", "add"]);
    expect(of("C").map(({ args }) => args.bytes)).toContain(profile.peakBytes);
    expect([of("C").at(0)?.ts, of("C").at(-1)?.ts]).toEqual([0, end]);
  });
});

describe("the tables", () => {
  it("name modules, kernels and tensors, and add up the rest", async () => {
    const { step } = training(fresh);
    const profile = await fresh.profile(step);
    const whole = profile.table();
    expect(String(profile)).toBe(whole);
    for (const which of ["modules", "kernels", "memory"] as const)
      expect(whole).toContain(profile.table(which));
    const short = profile.table("modules", 2).split("\n");
    expect(short[0]?.split(/\s{2,}/)).toEqual(["module", "ms", "%", "forward ms", "backward ms", "launches"]);
    expect(short[4]).toMatch(/^4 more /);
    expect(short.at(-1)).toMatch(new RegExp(`^all .* 100\\.0 .* ${profile.launches.length}$`));
    expect(profile.table("memory")).toMatch(/^first\.weight +\[8, 6\] +1 +\.\.$/m);
    expect(profile.table("memory", 3).split("\n")[5]).toMatch(/^\d+ more /);
  });
});

describe("refuses", () => {
  const message = (work: () => unknown) =>
    Promise.resolve()
      .then(work)
      .then(
        () => "",
        (error: Error) => error.message,
      );
  const x = gpu.tensor([1, 2], [2], { name: "x" }).keep();

  it("a step that waits", async () => {
    expect(await message(() => gpu.profile(async () => {}))).toMatchInlineSnapshot(
      `"[profile] 'step' must be synchronous; await its results outside"`,
    );
    expect(await message(() => gpu.profile(() => void relu(x).item()))).toMatchInlineSnapshot(
      `"[item] can't be called while gpu.profile() is under way: the values of tensor [2] aren't known yet; return it and read it outside"`,
    );
    expect(await message(() => gpu.profile(() => void gpu.idle()))).toMatchInlineSnapshot(
      `"[idle] can't be called while gpu.profile() is under way: nothing has run yet; wait outside"`,
    );
  });

  it("other work meanwhile", async () => {
    const profiled = gpu.profile(() => void relu(x));
    while (!gpu.device.stream.isDetoured) await new Promise((resolve) => setTimeout(resolve));
    const texts = await Promise.all([
      message(() => gpu.profile(() => {})),
      message(() => relu(x)),
      message(() => x.write([1, 2])),
      message(() => x.data()),
    ]);
    expect(texts).toMatchInlineSnapshot(`
      [
        "[profile] can't be called while gpu.profile() is under way: profile a whole step from outside, one at a time",
        "[profile] other work was given while gpu.profile() measures a step; await it before",
        "[profile] other work was given while gpu.profile() measures a step; await it before",
        "[data] can't be called while gpu.profile() is under way: the values of 'x' [2] aren't known yet; return it and read it outside",
      ]
    `);
    expect((await profiled).launches).toHaveLength(1);
    expect([...(await x.data())]).toEqual([1, 2]);
  });

  it("a profile in a recorded step", async () => {
    expect(await message(() => gpu.record(() => void gpu.profile(() => {}))())).toMatchInlineSnapshot(
      `"[profile] can't be recorded: profile a whole step from outside, one at a time"`,
    );
  });

  it("what fails in the step, and goes on as an eager step would", async () => {
    const y = gpu.tensor([0, 0]).keep();
    const { usedBytes } = gpu.memory;
    const fails = () => {
      y.write([3, 4]);
      relu(y);
      throw new Error("no");
    };
    expect(await message(() => gpu.profile(fails))).toBe("no");
    expect(gpu.memory.usedBytes).toBe(usedBytes);
    expect([...(await y.data())]).toEqual([3, 4]);
  });
});
