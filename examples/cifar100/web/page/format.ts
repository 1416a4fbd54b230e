/** Numbers, times and names as the page writes them. What isn't finite is a dash. */

const none = "–";
const space = "\u00a0";

/** Three significant digits; thousands whole, with commas. */
export function digits(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return none;
  const rounded = Number(value.toPrecision(3));
  const text = Math.abs(rounded) >= 1000 ? Math.round(value).toLocaleString("en-US") : String(rounded);
  return text.replace("-", "\u2212");
}

/** 0 to 1 in per cent, with one digit after the point. */
export function percent(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return none;
  return `${(100 * value).toFixed(1)}${space}%`;
}

/** The same for an axis: no digits that aren't needed. */
export function roundPercent(value: number): string {
  return `${digits(100 * value)}${space}%`;
}

/** Time in the two largest units: `3 min 20 s`, `2 h 5 min`, `1 d 3 h`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return none;
  const whole = Math.max(0, Math.round(seconds));
  const units = [
    ["d", Math.floor(whole / 86_400)],
    ["h", Math.floor(whole / 3600) % 24],
    ["min", Math.floor(whole / 60) % 60],
    ["s", whole % 60],
  ] as const;
  const first = units.findIndex(([, count]) => count > 0);
  if (first < 0) return `0${space}s`;
  return units
    .slice(first, first + 2)
    .filter(([, count]) => count > 0)
    .map(([unit, count]) => `${count}${space}${unit}`)
    .join(" ");
}

/** `3.2 ms`, `850 µs`, `1.4 s`. */
export function milliseconds(value: number): string {
  if (!Number.isFinite(value)) return none;
  if (value >= 1000) return `${digits(value / 1000)}${space}s`;
  if (value >= 1) return `${digits(value)}${space}ms`;
  return `${digits(1000 * value)}${space}µs`;
}

/** `169 MB`: what files take, in powers of ten. */
export function bytes(count: number): string {
  if (count < 1000) return `${count}${space}B`;
  const [unit, size] = count < 1e6 ? ["kB", 1e3] : count < 1e9 ? ["MB", 1e6] : ["GB", 1e9];
  return `${digits(count / Number(size))}${space}${unit}`;
}

/** A count with commas. */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** `1 image`, `2 images`. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** A class's name as people write it. */
export function spoken(name: string | undefined): string {
  return (name ?? "unknown").replaceAll("_", " ");
}

/** The local date and time, without seconds. */
export function moment(date: string | number): string {
  return new Date(date).toLocaleString("en-GB", {
    ...{ day: "numeric", month: "short", year: "numeric" },
    ...{ hour: "2-digit", minute: "2-digit" },
  });
}
