/**
 * Reads tar archives as a stream: ustar with the two long-name schemes in use (GNU `L` members, pax `x`/`g` headers).
 * Written by hand because the library has no runtime dependency and needs a hundred lines of the format: it lists members
 * and hands out the bodies of regular files. It never writes, so links and paths such as `../x` can't do harm; they are
 * reported by type and name, for the caller to ignore. Format: POSIX.1-2017 `pax`, and GNU tar's manual, "Basic Tar Format".
 */
import { ByteReader, type ByteSource } from "./bytes.ts";
import { DatasetError } from "./dataset-error.ts";

export interface TarMember {
  readonly name: string;
  /** A regular file; otherwise a folder, link, device, sparse file or something unknown. */
  readonly isFile: boolean;
  /** Bytes. */
  readonly size: number;
  /** The contents in pieces. Not reading them (to the end) skips them. */
  readonly body: AsyncIterable<Uint8Array>;
}

const block = 512;
/** Long names and pax headers are a few hundred bytes; one that claims more than this is an attack or damage. */
const mostHeaderBytes = 1 << 20;

/** Whether the first 512 bytes of a file are a tar header: the checksum tells. */
export function isTarHeader(header: Uint8Array): boolean {
  if (header.length < block) return false;
  let sum = 0;
  for (let i = 0; i < block; i++) sum += i >= 148 && i < 156 ? 32 : (header[i] as number);
  return sum > 8 * 32 && readNumber(header.subarray(148, 156)) === sum;
}

/**
 * The members of an archive, in order.
 * @param archive what errors call it
 * @throws DatasetError where a header is damaged or the archive ends inside a member
 */
export async function* tarMembers(source: ByteSource, archive: string): AsyncGenerator<TarMember> {
  const reader = new ByteReader(source);
  const fail = (problem: string) => new DatasetError(`[tar] '${archive}' ${problem}; download it again`);
  let global: ReadonlyMap<string, string> = new Map();
  let next: ReadonlyMap<string, string> = new Map(); // what long-name headers say about the next member
  try {
    for (let offset = 0; ; ) {
      const header = await reader.take(block);
      if (header.length === 0 || header.every((byte) => byte === 0)) break;
      if (offset === 0 && !isTarHeader(header)) throw fail("holds no tar archive");
      if (header.length < block) throw fail(`is truncated: it ends inside the header at byte ${offset}`);
      if (!isTarHeader(header)) throw fail(`is damaged: the tar header at byte ${offset} fails its checksum`);

      const type = String.fromCharCode(header[156] as number);
      const attributes = new Map([...global, ...next]);
      const isExtension = "xgLK".includes(type);
      const name = (isExtension ? undefined : attributes.get("path")) ?? ustarName(header);
      const paxSize = isExtension ? undefined : attributes.get("size");
      const declared = paxSize === undefined ? readNumber(header.subarray(124, 136)) : Number(paxSize);
      const size = "123456".includes(type) ? 0 : declared; // links, devices and folders have no body, whatever they declare
      if (!Number.isSafeInteger(size) || size < 0)
        throw fail(`is damaged: member '${name}' has no valid size`);

      let read = 0;
      const body = (async function* () {
        for await (const piece of reader.pieces(size)) {
          read += piece.length;
          yield piece;
        }
      })();
      if (isExtension) {
        if (size > mostHeaderBytes)
          throw fail(`is damaged: a long-name header of ${size} bytes at byte ${offset}`);
        const bytes = new Uint8Array(size);
        for await (const piece of body) bytes.set(piece, read - piece.length);
        if (type === "g") global = new Map([...global, ...paxRecords(bytes)]);
        else if (type === "x") next = new Map([...next, ...paxRecords(bytes)]);
        else if (type === "L") next = new Map([...next, ["path", text(bytes)]]);
      } else {
        next = new Map();
        // Old archives mark a folder by a file type and a name that ends in a slash.
        const isFile = "0\x007".includes(type) && !name.endsWith("/") && !attributes.has("GNU.sparse.major");
        yield { name, isFile, size, body };
      }
      // What was left of the body, then the padding to a whole block. Drained from `reader`: the caller's loop closed `body`.
      for await (const piece of reader.pieces(size - read)) read += piece.length;
      if (read < size) throw fail(`is truncated: '${name}' ends after ${read} of ${size} bytes`);
      const padding = (block - (size % block)) % block;
      await reader.take(padding);
      offset += block + size + padding;
    }
    // To the end, so that a gzip stream around it checks its own checksum.
    for await (const _ of reader.pieces(Number.POSITIVE_INFINITY));
  } finally {
    await reader.close();
  }
}

/** The name in the header itself: `prefix/name`. GNU's own format keeps other things where ustar has the prefix. */
function ustarName(header: Uint8Array): string {
  const name = text(header.subarray(0, 100));
  const isPosix = text(header.subarray(257, 263)) === "ustar"; // ends in a NUL, GNU's in a space
  const prefix = isPosix ? text(header.subarray(345, 500)) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** Octal digits between spaces or NULs; or, where the first bit is set, base 256 (GNU, for sizes of 8 GiB and more). */
function readNumber(field: Uint8Array): number {
  const first = field[0] as number;
  if (first === 0x80) return field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
  const digits = text(field).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

/** pax records: "LENGTH KEY=VALUE\n", LENGTH being the decimal byte count of all of it. */
function paxRecords(bytes: Uint8Array): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 ? 0 : Number(text(bytes.subarray(at, space)));
    if (!(length > space - at)) break; // damaged: the names in the headers themselves serve
    const record = text(bytes.subarray(space + 1, at + length - 1));
    const equals = record.indexOf("=");
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}

/** UTF-8 up to the first NUL. */
function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
