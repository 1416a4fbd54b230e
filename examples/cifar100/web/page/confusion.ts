/** What a confusion matrix says. */
import type { Confusion } from "../protocol.ts";
import { spoken } from "./format.ts";
import type { Mistake } from "./messages.ts";

/** The most frequent mistakes, by the share of the true superclass. */
export function mistakesIn({ names, counts }: Confusion, most: number): Mistake[] {
  return counts
    .flatMap((row, truth) => {
      const of = total(row);
      return row.flatMap((count, answer) =>
        answer !== truth && count > 0
          ? [{ truth: spoken(names[truth]), answer: spoken(names[answer]), count, of }]
          : [],
      );
    })
    .sort((a, b) => b.count / b.of - a.count / a.of)
    .slice(0, most);
}

/** The share of images whose superclass was right. */
export function agreement({ counts }: Confusion): number {
  const all = counts.reduce((sum, row) => sum + total(row), 0);
  const right = counts.reduce((sum, row, truth) => sum + (row[truth] ?? 0), 0);
  return all > 0 ? right / all : Number.NaN;
}

function total(row: readonly number[]): number {
  return row.reduce((sum, count) => sum + count, 0);
}
