/** Tables as text. */

/** Columns under each other, the first `left` of them to the left, numbers to the right; a line below the heading and above the last row. */
export function aligned(rows: readonly (readonly string[])[], left: number): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = widths.map((width) => "-".repeat(width)).join("  ");
  const texts = rows.map((row) =>
    row
      .map((cell, column) =>
        column < left ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  return [...texts.slice(0, 1), line, ...texts.slice(1, -1), line, ...texts.slice(-1)];
}

export function grouped(count: number): string {
  return count.toLocaleString("en");
}

export function kibibytes(bytes: number): string {
  return grouped(Math.ceil(bytes / 1024));
}
