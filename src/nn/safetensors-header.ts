/**
 * The header of a safetensors file, checked before anything of the size it declares is allocated: files come from strangers.
 * Stricter than some readers: keys that appear twice, which JSON.parse takes, and bytes that belong to no tensor are refused.
 */
import { kindOf } from "../tensor/kind.ts";
import { formatShape, type Shape, sizeOf } from "../tensor/shape.ts";
import { elementBytes, isSafetensorsType, type SafetensorsType } from "./safetensors-dtypes.ts";
import { refusal, type SafetensorsError } from "./safetensors-error.ts";

/** One tensor: its data are the bytes from `begin` up to `end` after the header. */
export interface Entry {
  readonly name: string;
  readonly dtype: SafetensorsType;
  readonly shape: Shape;
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  readonly metadata: Record<string, string>;
  /** In the order of the data, which they cover. */
  readonly entries: readonly Entry[];
  /** Where the data begins. */
  readonly bytes: number;
}

/** Bytes before the header: its length, u64. */
export const preludeBytes = 8;
/** What a header may take, as in the format's own reader, and how deep it may be: JSON without end would be an attack. */
export const headerLimit = 100_000_000;
const mostDepth = 100;
export const metadataKey = "__metadata__";

const damaged = "the file is damaged or wasn't written whole; get it again";

/** @throws SafetensorsError that says what is wrong with the file */
export function readHeader(file: Uint8Array): Header {
  if (!ArrayBuffer.isView(file))
    throw refusal(`the file must be a Uint8Array, but got ${kindOf(file)}: new Uint8Array(buffer) makes one`);
  if (file.length < preludeBytes)
    throw refusal(`the file has ${file.length} bytes, less than a header takes: ${damaged}`);
  const length = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true);
  if (length > headerLimit) {
    throw refusal(
      `its header would have ${counted(length)} bytes, more than ${counted(headerLimit)}: it isn't a safetensors file`,
    );
  }
  const bytes = preludeBytes + Number(length);
  if (bytes > file.length) {
    throw refusal(
      `its header has ${counted(length)} bytes, but only ${counted(file.length - preludeBytes)} follow: ${damaged}`,
    );
  }
  const fields = Object.entries(parse(file.subarray(preludeBytes, bytes)));
  const [, metadata = {}] = fields.find(([name]) => name === metadataKey) ?? [];
  if (!isStrings(metadata))
    throw refusal(`'${metadataKey}' must map strings to strings: write the file again, others as strings`);
  const entries = fields
    .filter(([name]) => name !== metadataKey)
    .map(([name, value]) => readEntry(name, value, file.length - bytes))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCovered(entries, file.length - bytes);
  return { metadata, entries, bytes };
}

function parse(header: Uint8Array): object {
  let end = header.length;
  while (header[end - 1] === 0x20) end -= 1;
  if (header[0] !== 0x7b || header[end - 1] !== 0x7d)
    throw refusal("its header isn't a JSON object, {...}, padded by spaces: it isn't a safetensors file");
  let text: string;
  let value: object;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(header);
    value = JSON.parse(text);
  } catch (error) {
    throw refusal(`its header isn't JSON in UTF-8: ${damaged}`, { cause: error });
  }
  refuseDuplicatesAndDepth(text);
  return value;
}

/**
 * JSON.parse keeps the last of equal keys, and takes lists in lists that overflow the stack of whoever writes them.
 * @param text JSON: so a string is a key if a colon follows
 */
function refuseDuplicatesAndDepth(text: string): void {
  const open: Set<string>[] = [];
  for (const [token, colon] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}[\]]/g)) {
    if (token === "{" || token === "[") open.push(new Set());
    else if (token === "}" || token === "]") open.pop();
    else if (colon !== undefined) {
      const key: string = JSON.parse(token.slice(0, -colon.length));
      const keys = open.at(-1);
      if (keys?.has(key))
        throw refusal(
          `its header has the key '${key}' twice: which one is meant can't be known; write it again`,
        );
      keys?.add(key);
    }
    if (open.length > mostDepth) throw refusal(`its header nests deeper than ${mostDepth}: ${damaged}`);
  }
}

function readEntry(name: string, value: unknown, present: number): Entry {
  const { dtype, shape, data_offsets }: Record<string, unknown> = isObject(value) ? value : {};
  if (!isNaturals(shape) || !isNaturals(data_offsets) || data_offsets.length !== 2) {
    throw refusal(
      `'${name}' must have a dtype, a shape and two data_offsets of whole numbers from 0 on, but got ` +
        `${JSON.stringify(value).slice(0, 200)}: ${damaged}`,
    );
  }
  if (!isSafetensorsType(dtype)) {
    throw refusal(
      `'${name}' has the dtype ${JSON.stringify(dtype)}, but ${Object.keys(elementBytes).join(", ")} can be read: save it as one of these`,
    );
  }
  const [begin = 0, end = 0] = data_offsets;
  const declared = shape.includes(0) ? 0 : elementBytes[dtype] * sizeOf(shape);
  if (declared !== end - begin || end > present) {
    const held = Math.max(0, Math.min(end, present) - begin);
    throw refusal(
      `'${name}', ${dtype} ${formatShape(shape)}, takes ${counted(declared)} bytes, but its data_offsets ` +
        `${formatShape(data_offsets)} hold ${counted(held)} of the file's ${counted(present)}: ${damaged}`,
    );
  }
  return { name, dtype, shape, begin, end };
}

/** @param entries in the order of their data @throws SafetensorsError for an overlap or a hole */
function checkCovered(entries: readonly Entry[], present: number): void {
  let covered = 0;
  entries.forEach(({ name, begin, end }, k) => {
    if (begin < covered)
      throw refusal(
        `the data of '${entries[k - 1]?.name}' and '${name}' overlap at byte ${begin}: ${damaged}`,
      );
    if (begin > covered) throw hole(covered, begin);
    covered = end;
  });
  if (covered < present) throw hole(covered, present);
}

function hole(begin: number, end: number): SafetensorsError {
  return refusal(`bytes ${begin} to ${end} of its data belong to no tensor: ${damaged}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

export function isStrings(value: unknown): value is Record<string, string> {
  return (
    isObject(value) && !Array.isArray(value) && Object.values(value).every((each) => typeof each === "string")
  );
}

/** Whole numbers from 0 on, as far as they are exact. */
function isNaturals(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0);
}

function counted(value: number | bigint): string {
  return value.toLocaleString("en-US");
}
