/**
 * Snapshots as bytes: named arrays and a JSON value, bit for bit, in a file that tells when it's damaged.
 *
 * Layout, little-endian: the magic `wgradsnp`, u32 version, u32 bytes of the header; the header as UTF-8 JSON, padded with spaces
 * to a multiple of 8; the arrays one after the other, each padded to 8; SHA-256 of all before. safetensors has no checksum
 * and no place for more than strings.
 */

/** Thrown for bytes that aren't a whole snapshot. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}

/** What JSON holds. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/** What a snapshot keeps to the bit. */
export type SnapshotArray = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** What is in a snapshot. */
export interface SnapshotContent {
  /** Whatever JSON holds. */
  readonly meta: Json;
  readonly arrays: ReadonlyMap<string, SnapshotArray>;
}

interface Header {
  readonly meta: Json;
  readonly arrays: readonly { readonly name: string; readonly type: ArrayType; readonly length: number }[];
}
type ArrayType = keyof typeof arrayTypes;

const arrayTypes = { f32: Float32Array, u32: Uint32Array, i32: Int32Array } as const;
const magic = new TextEncoder().encode("wgradsnp");
const version = 1;
/** Bytes before the header: they say how long it is. @internal */
export const snapshotPreludeBytes = 16;
const preludeBytes = snapshotPreludeBytes;
const digestBytes = 32;

/**
 * The bytes of a snapshot, with a checksum over all of them.
 * @param digest SHA-256. The web's takes less than 2 GiB, so hosts with another give theirs.
 */
export async function encodeSnapshot(
  { meta, arrays }: SnapshotContent,
  digest = webDigest,
): Promise<Uint8Array<ArrayBuffer>> {
  const header: Header = {
    meta,
    arrays: [...arrays].map(([name, array]) => ({ name, type: typeOf(array), length: array.length })),
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = padded(text.length);
  const body = [...arrays.values()].reduce((sum, array) => sum + padded(array.byteLength), 0);
  const checked = preludeBytes + headerBytes + body;
  const bytes = new Uint8Array(checked + digestBytes);
  const prelude = new DataView(bytes.buffer);
  bytes.set(magic);
  prelude.setUint32(8, version, true);
  prelude.setUint32(12, headerBytes, true);
  bytes.fill(0x20, preludeBytes, preludeBytes + headerBytes).set(text, preludeBytes);
  let at = preludeBytes + headerBytes;
  for (const array of arrays.values()) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += padded(array.byteLength);
  }
  bytes.set(await digest(bytes.subarray(0, checked)), checked);
  return bytes;
}

/**
 * @param digest as in `encodeSnapshot`
 * @throws SnapshotError for bytes of another format or version, cut off or changed
 */
export async function decodeSnapshot(
  bytes: Uint8Array<ArrayBuffer>,
  digest = webDigest,
): Promise<SnapshotContent> {
  const headerEnd = snapshotMetaEnd(bytes);
  const checked = bytes.length - digestBytes;
  const sum = await digest(bytes.subarray(0, checked));
  if (checked < preludeBytes || sum.some((byte, k) => bytes[checked + k] !== byte)) throw damaged();

  const header = readHeader(bytes.subarray(preludeBytes, Math.min(headerEnd, checked)));
  const arrays = new Map<string, SnapshotArray>();
  let at = headerEnd;
  for (const { name, type, length } of header.arrays) {
    const end = at + 4 * length;
    if (!(end <= checked)) throw damaged();
    const copy = bytes.slice(at, end); // aligned, and free of the file's memory
    arrays.set(name, new arrayTypes[type](copy.buffer));
    at += padded(4 * length);
  }
  if (at !== checked) throw damaged();
  return { meta: header.meta, arrays };
}

/** Where the header of a snapshot that begins with these bytes ends. @internal @throws SnapshotError for another format or version */
export function snapshotMetaEnd(bytes: Uint8Array): number {
  if (bytes.length < magic.length || magic.some((byte, k) => bytes[k] !== byte))
    throw new SnapshotError("[snapshot] this is no snapshot of wgrad");
  if (bytes.length < preludeBytes) throw damaged();
  const prelude = new DataView(bytes.buffer, bytes.byteOffset);
  const found = prelude.getUint32(8, true);
  if (found !== version) {
    throw new SnapshotError(
      `[snapshot] the snapshot has version ${found}, but this release of wgrad reads version ${version}; use the release that wrote it`,
    );
  }
  return preludeBytes + prelude.getUint32(12, true);
}

/** What a snapshot says beside its arrays, from the bytes up to its header's end; unchecked. @internal @throws SnapshotError */
export function decodeSnapshotMeta(bytes: Uint8Array): Json {
  return readHeader(bytes.subarray(preludeBytes)).meta;
}

function readHeader(bytes: Uint8Array): Header {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw damaged();
  }
  if (!isHeader(value)) throw damaged();
  return value;
}

function isHeader(value: unknown): value is Header {
  if (typeof value !== "object" || value === null || !("meta" in value) || !("arrays" in value)) return false;
  return Array.isArray(value.arrays) && value.arrays.every(isArrayEntry);
}

function isArrayEntry(entry: unknown): boolean {
  if (typeof entry !== "object" || entry === null) return false;
  if (!("name" in entry) || !("type" in entry) || !("length" in entry)) return false;
  const { name, type, length } = entry;
  const isType = typeof type === "string" && Object.hasOwn(arrayTypes, type);
  return typeof name === "string" && isType && Number.isSafeInteger(length) && Number(length) >= 0;
}

function damaged(): SnapshotError {
  return new SnapshotError(
    "[snapshot] the snapshot is cut off or damaged: its checksum doesn't fit; use an earlier one",
  );
}

function typeOf(array: SnapshotArray): ArrayType {
  return array instanceof Float32Array ? "f32" : array instanceof Uint32Array ? "u32" : "i32";
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

async function webDigest(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
