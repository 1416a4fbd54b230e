/** What plain JavaScript may pass where a type says otherwise: what errors call it, and the checks that several places make. */

/** What an error calls a value of the wrong kind: "Array of 2", "undefined", "3". */
export function kindOf(value: unknown): string {
  if (typeof value === "function") return "function";
  if (typeof value !== "object" || value === null) return String(value);
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  return "length" in value ? `${kind} of ${value.length}` : kind;
}

/** @throws Error unless it's an array */
export function requireArray(op: string, name: string, value: readonly unknown[]): void {
  if (Array.isArray(value)) return;
  throw new Error(`[${op}] '${name}' must be an array, but got ${kindOf(value)}`);
}

/** @throws Error unless options are an object: `sum(x, 1)` would be `sum(x, {})`, since the number 1 has no `axes` */
export function requireOptions(op: string, options: object): void {
  if (typeof options === "object" && !Array.isArray(options)) return;
  throw new Error(`[${op}] options must be an object with names, but got ${kindOf(options)}`);
}

/** The first of the elements that is no number, if there is one. */
export function findNoNumber(data: ArrayLike<unknown>): { readonly value: unknown } | undefined {
  // Of one type each: the first element tells.
  const count = ArrayBuffer.isView(data) ? Math.min(1, data.length) : data.length;
  for (let k = 0; k < count; k++) if (typeof data[k] !== "number") return { value: data[k] };
  return undefined;
}
