/** @throws Error that names the first that's no finite number, 0 or more; `where` follows its name */
export function requireNotNegative(op: string, values: Readonly<Record<string, number>>, where = ""): void {
  for (const [name, value] of Object.entries(values)) {
    if (!(Number.isFinite(value) && value >= 0))
      throw new Error(`[${op}] '${name}'${where} must be a finite number, 0 or more, but got ${value}`);
  }
}
