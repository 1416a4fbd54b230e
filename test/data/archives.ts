/** Makes tar archives for tests, valid and otherwise: a field given in `header` overrides what would be right. */
import { gzipSync } from "node:zlib";

export interface Entry {
  name: string;
  body?: Uint8Array | string;
  /** POSIX type flag; default "0", a regular file. */
  type?: string;
  /** The size field's 12 bytes. */
  size?: Uint8Array;
  /** GNU's magic "ustar  " (default) or POSIX's "ustar\0" + "00". */
  magic?: string;
  prefix?: string;
  checksum?: number;
}

const block = 512;

export function tar(entries: readonly Entry[], { end = true } = {}): Uint8Array {
  return join([...entries.flatMap(member), new Uint8Array(end ? 2 * block : 0)]);
}

export function tarGz(entries: readonly Entry[]): Uint8Array {
  return new Uint8Array(gzipSync(tar(entries), { level: 1 }));
}

/** One pax record, its length counting itself. */
export function pax(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (String(length).length + rest.length !== length) length++;
  return length + rest;
}

export function base256(value: number): Uint8Array {
  const field = new Uint8Array(12);
  for (let i = 11, left = value; i > 0; i--, left = Math.floor(left / 256)) field[i] = left % 256;
  field[0] = 0x80;
  return field;
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** `bytes` as a stream of chunks of `size` bytes, which also says whether it was cancelled. */
export function streamOf(
  bytes: Uint8Array,
  size = 4096,
): ReadableStream<Uint8Array> & { cancelled?: boolean } {
  let at = 0;
  const stream: ReadableStream<Uint8Array> & { cancelled?: boolean } = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at + size));
      at += size;
    },
    cancel() {
      stream.cancelled = true;
    },
  });
  return stream;
}

function member({ name, body = "", type = "0", size, magic = "ustar  ", prefix = "", checksum }: Entry) {
  const encoder = new TextEncoder();
  const bytes = typeof body === "string" ? encoder.encode(body) : body;
  const header = new Uint8Array(block);
  const put = (value: string, at: number) => header.set(encoder.encode(value), at);
  put(name, 0);
  put("0000644", 100);
  header.set(size ?? encoder.encode(`${bytes.length.toString(8).padStart(11, "0")}\0`), 124);
  put("        ", 148);
  put(type, 156);
  put(magic, 257);
  put(prefix, 345);
  const sum = checksum ?? header.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return [header, bytes, new Uint8Array((block - (bytes.length % block)) % block)];
}
