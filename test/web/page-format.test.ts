import { describe, expect, it } from "vitest";
import { agreement, mistakesIn } from "../../examples/cifar100/web/page/confusion.ts";
import {
  bytes,
  digits,
  duration,
  milliseconds,
  percent,
  plural,
  spoken,
} from "../../examples/cifar100/web/page/format.ts";
import { adapterInWords, messageOf, stateInWords } from "../../examples/cifar100/web/page/messages.ts";
import { averaged, middleSquare, side } from "../../examples/cifar100/web/page/picture.ts";
import { colourOf, filterPixels } from "../../examples/cifar100/web/page/pixels.ts";
import { initialState } from "../../examples/cifar100/web/page/state.ts";
import { neighbour } from "../../examples/cifar100/web/page/tabs.ts";

const plain = (text: string) => text.replaceAll("\u00a0", " ");

describe("numbers", () => {
  it.each([
    [0.123456, "0.123"],
    [-1.5, "−1.5"],
    [999.6, "1,000"],
    [12_345.6, "12,346"],
    [Number.NaN, "–"],
    [undefined, "–"],
  ])("digits(%s) is %s", (value, text) => expect(digits(value)).toBe(text));

  it.each([
    [0, "0 s"],
    [59.4, "59 s"],
    [59.6, "1 min"],
    [200, "3 min 20 s"],
    [7500, "2 h 5 min"],
    [97_200, "1 d 3 h"],
    [Number.POSITIVE_INFINITY, "–"],
  ])("duration(%s) is %s", (value, text) => expect(plain(duration(value))).toBe(text));

  it("writes shares, sizes, times and counts", () => {
    expect(plain(percent(0.2567))).toBe("25.7 %");
    expect(plain(bytes(184_440_000))).toBe("184 MB");
    expect(plain(bytes(512))).toBe("512 B");
    expect([0.0123, 3.21, 1400].map(milliseconds).map(plain)).toEqual(["12.3 µs", "3.21 ms", "1.4 s"]);
    expect([plural(1, "step"), plural(1200, "step")]).toEqual(["1 step", "1,200 steps"]);
    expect(spoken("aquarium_fish")).toBe("aquarium fish");
  });
});

describe("words", () => {
  it("name epoch and adapter", () => {
    const progress = { run: "1", phase: "training", epochs: 5, iteration: 1, lr: 0.1, validated: 0 } as const;
    const training = { ...initialState, status: "training" } as const;
    expect(stateInWords({ ...training, progress: { ...progress, epoch: 1.4 } })).toBe(
      "Training, epoch 2 of 5",
    );
    expect(stateInWords({ ...training, status: "validating", progress: { ...progress, epoch: 2 } })).toBe(
      "Validating, epoch 2 of 5",
    );
    expect(stateInWords({ ...training, status: "paused", progress: { ...progress, epoch: 5 } })).toBe(
      "Paused, epoch 5 of 5",
    );
    const adapter = { name: "nvidia ampere", isSoftware: true, subgroupSize: 32, timestamps: true };
    expect(adapterInWords({ ...initialState, adapter })).toBe(
      "nvidia ampere · software: computes on the processor",
    );
    expect(adapterInWords({ ...initialState, status: "failed" })).toBe("No adapter");
  });

  it("have a way on", () => {
    const problem = { kind: "device-lost", message: "The GPU was lost.", advice: "Open it again." } as const;
    expect(messageOf({ kind: "problem", problem })).toEqual({
      ...{ tone: "bad", title: "The GPU was lost", text: "The GPU was lost. Open it again." },
      way: { label: "Open the GPU again", does: "open" },
    });
    expect(messageOf({ kind: "hidden", seconds: 60, steps: 0 }).text).toMatchInlineSnapshot(
      `"Training stood still: this browser stops what nobody sees. Keep the tab in view, in a window of its own if need be."`,
    );
  });
});

describe("confusions", () => {
  const confusion = {
    names: ["small_mammals", "people"],
    counts: [
      [8, 2],
      [1, 3],
    ],
  };

  it("are listed by their share of the true superclass", () => {
    expect(mistakesIn(confusion, 5)).toEqual([
      { truth: "people", answer: "small mammals", count: 1, of: 4 },
      { truth: "small mammals", answer: "people", count: 2, of: 10 },
    ]);
    expect(mistakesIn(confusion, 1)).toHaveLength(1);
    expect(agreement(confusion)).toBeCloseTo(11 / 14);
  });
});

describe("tabs", () => {
  it.each([
    ["ArrowRight", 4, 0],
    ["ArrowLeft", 0, 4],
    ["Home", 3, 0],
    ["End", 1, 4],
    ["Enter", 1, undefined],
  ])("%s leads from %s to %s", (key, at, to) => expect(neighbour(key, at, 5)).toBe(to));
});

describe("pictures", () => {
  /** Red grows along the rows, green along the columns. */
  const gradient = (size: number) => {
    const pixels = new Uint8ClampedArray(4 * size * size).fill(255);
    for (let k = 0; k < size * size; k++) {
      pixels[4 * k] = (255 * (k % size)) / (size - 1);
      pixels[4 * k + 1] = (255 * Math.floor(k / size)) / (size - 1);
    }
    return pixels;
  };

  it("are cut to the square in their middle", () => {
    expect(middleSquare(100, 60)).toEqual({ left: 20, top: 0, size: 60 });
    expect(middleSquare(33, 100)).toEqual({ left: 0, top: 33, size: 33 });
  });

  it.each([32, 33, 64, 100])("of %s pixels keep each area's mean", (size) => {
    const small = averaged(gradient(size), size);
    expect(small).toHaveLength(3 * side * side);
    for (const [x, y] of [
      [0, 0],
      [5, 9],
      [31, 31],
    ] as const) {
      const expected = (place: number) => (255 * ((place + 0.5) * (size / side) - 0.5)) / (size - 1);
      const at = 3 * (y * side + x);
      expect(Math.abs((small[at] ?? 0) - expected(x))).toBeLessThanOrEqual(1.5);
      expect(Math.abs((small[at + 1] ?? 0) - expected(y))).toBeLessThanOrEqual(1.5);
      expect(small[at + 2]).toBe(255);
    }
  });

  it("keep a 32 x 32 picture as it is", () => {
    const pixels = gradient(32);
    expect(averaged(pixels, 32)[3 * 40]).toBe(pixels[4 * 40]);
  });

  it("are black at 0, and say NaN", () => {
    expect(colourOf(0, { min: -1, max: 2 })).toEqual([0, 0, 0]);
    expect(colourOf(2, { min: 0, max: 2 })).toEqual([255, 255, 255]);
    expect(colourOf(-2, { min: -2, max: 1 })).toEqual([70, 150, 255]);
    expect(colourOf(Number.NaN, { min: 0, max: 1 })).toEqual([255, 0, 255]);
  });

  it("show a filter's colours around grey", () => {
    const planes = { shape: [2, 1, 1, 3], values: Float32Array.of(0, 0, 0, 1, 0, -1), min: -1, max: 1 };
    expect([...filterPixels(planes, 1)]).toEqual([255, 128, 0, 255]);
    expect([...filterPixels(planes, 0)]).toEqual([128, 128, 128, 255]);
  });
});
