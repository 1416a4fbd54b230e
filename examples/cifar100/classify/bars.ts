/** Answers as lines for a terminal: name, bar, per cent. */
import { spoken } from "../report/document.ts";
import type { Answer } from "./classifier.ts";

const barWidth = 30;
/** Of a place: a block of eighths from the left. */
const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

export function linesOf(answers: readonly Answer[]): string[] {
  const names = answers.map(({ name }) => spoken(name));
  const longest = Math.max(...names.map((name) => name.length));
  return answers.map(({ share }, k) => {
    const percent = (100 * share).toFixed(1).padStart(5);
    return `  ${(names[k] ?? "").padEnd(longest)}  ${barOf(share).padEnd(barWidth)} ${percent} %`;
  });
}

/** @param share 0 to 1 */
function barOf(share: number): string {
  const units = Math.round(8 * barWidth * share);
  return "█".repeat(Math.floor(units / 8)) + (eighths[units % 8] ?? "");
}
