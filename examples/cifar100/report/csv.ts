/** The log as a table for spreadsheets and plotting tools (RFC 4180). */
import type { LogRow } from "./run-data.ts";

/** A column for each key, in the order of their first appearance, and a row for each epoch; numbers with all their digits. */
export function csvOf(log: readonly LogRow[]): string {
  const columns = [...new Set(log.flatMap((row) => Object.keys(row)))];
  const lines = [columns, ...log.map((row) => columns.map((column) => row[column]))];
  return lines.map((cells) => `${cells.map(cellOf).join(",")}\r\n`).join("");
}

/** What isn't a finite number becomes an empty cell. */
function cellOf(value: LogRow[string]): string {
  if (value === undefined || value === null || (typeof value === "number" && !Number.isFinite(value)))
    return "";
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
