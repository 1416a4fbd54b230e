import { describe, expect, it } from "vitest";
import { nn } from "wgrad";

function moments(values: Float32Array) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const central = (power: number) =>
    values.reduce((sum, value) => sum + (value - mean) ** power, 0) / values.length;
  const variance = central(2);
  return { mean, variance, skewness: central(3) / variance ** 1.5, kurtosis: central(4) / variance ** 2 };
}

describe("initial values", () => {
  const count = 400_003;

  // Allowed: five standard errors of each statistic of `count` independent normal values.
  it("normal has the moments of a normal distribution", () => {
    const { mean, variance, skewness, kurtosis } = moments(nn.normal({ seed: 5, mean: 3, std: 2 })([count]));
    expect(Math.abs(mean - 3)).toBeLessThan(5 * (2 / Math.sqrt(count)));
    expect(Math.abs(variance / 4 - 1)).toBeLessThan(5 * Math.sqrt(2 / count));
    expect(Math.abs(skewness)).toBeLessThan(5 * Math.sqrt(6 / count));
    expect(Math.abs(kurtosis - 3)).toBeLessThan(5 * Math.sqrt(24 / count));
  });

  it("normal's neighbours are uncorrelated", () => {
    const values = nn.normal({ seed: 6 })([count]);
    for (const lag of [1, 2, 3, 4]) {
      let sum = 0;
      for (let k = lag; k < count; k++) sum += (values[k] ?? 0) * (values[k - lag] ?? 0);
      expect(Math.abs(sum / count), `lag ${lag}`).toBeLessThan(5 / Math.sqrt(count));
    }
  });

  it("uniform fills its interval", () => {
    const values = nn.uniform({ low: -1, high: 3 })([count]);
    const { mean, variance } = moments(values);
    expect(Math.abs(mean - 1)).toBeLessThan(5 * (4 / Math.sqrt(12 * count)));
    expect(Math.abs(variance / (16 / 12) - 1)).toBeLessThan(5 * Math.sqrt(0.8 / count));
    expect(values.every((value) => value >= -1 && value < 3)).toBe(true);
  });

  it("leCunNormal has the variance 1 / fanIn, fanIn = Kh Kw Ci", () => {
    const { mean, variance } = moments(nn.leCunNormal({ seed: 1 })([128, 3, 3, 64]));
    const size = 128 * 9 * 64;
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(9 * 64 * size));
    expect(Math.abs(variance * 9 * 64 - 1)).toBeLessThan(5 * Math.sqrt(2 / size));
    expect(() => nn.leCunNormal()([5])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [leCunNormal] 'shape' must have two axes or more, [out, ..., in], but got [5]]`,
    );
  });

  it("follows from seed and order of calls alone", () => {
    const first = nn.normal({ seed: 2 ** 40 + 1 });
    const second = nn.normal({ seed: 2 ** 40 + 1 });
    const [a, b] = [first([3, 5]), first([3, 5])];
    expect(second([15])).toEqual(a);
    expect(second([15])).toEqual(b);
    expect(b).not.toEqual(a);
    expect(nn.normal({ seed: 1 })([15])).not.toEqual(a);
    expect(() => nn.normal({ seed: -1 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [normal] 'seed' must be an integer from 0 to 2^53 - 1, but got -1]`,
    );
  });

  it("zeros and ones", () => {
    expect(nn.zeros()([2])).toEqual(Float32Array.of(0, 0));
    expect(nn.ones()([2])).toEqual(Float32Array.of(1, 1));
  });

  it("heNormal has twice the variance of leCunNormal", () => {
    const values = nn.init.heNormal({ seed: 1 })([128, 3, 3, 64]);
    const other = nn.init.leCunNormal({ seed: 1 })([128, 3, 3, 64]);
    const off = values.map((value, k) => Math.abs(value - Math.SQRT2 * (other[k] ?? Number.NaN)));
    expect(Math.max(...off.slice(0, 1000))).toBeLessThan(2 ** -23);
    expect(() => nn.init.heNormal()([5])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [heNormal] 'shape' must have two axes or more, [out, ..., in], but got [5]]`,
    );
  });

  it("fanInUniform fills +-1 / sqrt(fanIn)", () => {
    const values = nn.init.fanInUniform({ seed: 3 })([128, 3, 3, 64]);
    const bound = 1 / Math.sqrt(9 * 64);
    const { mean, variance } = moments(values);
    expect(Math.abs(mean)).toBeLessThan((5 * bound) / Math.sqrt(3 * values.length));
    expect(Math.abs((3 * variance) / bound ** 2 - 1)).toBeLessThan(5 * Math.sqrt(0.8 / values.length));
    expect(values.every((value) => Math.abs(value) <= bound)).toBe(true);
    expect(() => nn.init.fanInUniform()([5])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [fanInUniform] 'shape' must have two axes or more, [out, ..., in], but got [5]]`,
    );
  });

  it.each([
    { shape: [4, 3, 3, 2], middle: [1, 1] },
    { shape: [2, 3, 3, 4], middle: [1, 1] },
    { shape: [3, 2, 4, 3], middle: [1, 2] },
    { shape: [5, 1, 1, 5], middle: [0, 0] },
  ])("dirac passes channels through in $shape, by tap $middle", ({ shape, middle }) => {
    const rest = nn.init.fanInUniform({ seed: 4 })(shape);
    const values = nn.init.dirac({ rest: nn.init.fanInUniform({ seed: 4 }) })(shape);
    const [filters = 0, height = 0, width = 0, channels = 0] = shape;
    const passed = Math.min(filters, channels);
    for (let at = 0; at < values.length; at++) {
      const channel = at % channels;
      const tap = [Math.floor(at / (width * channels)) % height, Math.floor(at / channels) % width];
      const filter = Math.floor(at / (height * width * channels));
      const identity = filter === channel && tap.join() === middle.join() ? 1 : 0;
      expect(values[at], `element ${at}`).toBe(filter < passed ? identity : rest[at]);
    }
  });

  it("dirac leaves the other filters 0 unless told otherwise, and wants four axes", () => {
    expect(nn.init.dirac()([3, 1, 1, 1])).toEqual(Float32Array.of(1, 0, 0));
    expect(() => nn.init.dirac()([3, 3])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [dirac] 'shape' must be [Co, Kh, Kw, Ci], but got [3, 3]]`,
    );
  });

  it("are at nn.init, too", () => {
    expect(nn.init.normal({ seed: 1 })([4])).toEqual(nn.normal({ seed: 1 })([4]));
    expect(Object.keys(nn.init).sort()).toMatchInlineSnapshot(`
      [
        "dirac",
        "fanInUniform",
        "heNormal",
        "leCunNormal",
        "normal",
        "ones",
        "uniform",
        "zeros",
      ]
    `);
  });
});
