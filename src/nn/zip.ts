/**
 * Reads zip archives in memory, as much as NumPy's `.npz` needs: stored and deflated members, found by the central directory, with their
 * checksums. Format: PKWARE's APPNOTE.TXT, 4.3. What spans disks, is encrypted, or needs zip64's sizes (4 GiB) is refused.
 */

export interface ZipMember {
  readonly name: string;
  /** Bytes, as the archive declares; `read` gives as many, or throws. */
  readonly size: number;
  /** @throws Error where the member is damaged */
  readonly read: () => Promise<Uint8Array<ArrayBuffer>>;
}

const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;
const memberSignature = 0x04034b50;
const endBytes = 22;
const entryBytes = 46;
const memberBytes = 30;
/** Deflate makes at most 1032 times as much of it: what a lying member costs before it's found out. */
const sliceBytes = 4096;

/** @param op what errors begin with @throws Error for bytes that are no such archive, or names that appear twice */
export function zipMembers(op: string, file: Uint8Array<ArrayBuffer>): ZipMember[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const fail = (problem: string) => new Error(`[${op}] the file ${problem}; get it again`);
  const end = findEnd(view);
  if (end < 0) throw fail("is no .npz (a zip archive), or was cut off");
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  const members = new Map<string, ZipMember>();
  for (let k = 0; k < count; k++) {
    if (at + entryBytes > end || view.getUint32(at, true) !== entrySignature)
      throw fail(`has a damaged directory, or one for more than 4 GiB`);
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    const checksum = view.getUint32(at + 16, true);
    const [packed, size] = [view.getUint32(at + 20, true), view.getUint32(at + 24, true)];
    const nameEnd = at + entryBytes + view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(file.subarray(at + entryBytes, nameEnd));
    const start = view.getUint32(at + 42, true);
    at = nameEnd + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (members.has(name)) throw fail(`holds '${name}' twice: which one is meant can't be known`);
    const damaged = () => fail(`is damaged at '${name}'`);
    const read = async () => {
      if ((flags & 1) !== 0 || (method !== 0 && method !== 8))
        throw new Error(
          `[${op}] '${name}' is encrypted or packed by method ${method}; only stored and deflated members can be read`,
        );
      if (start + memberBytes > end || view.getUint32(start, true) !== memberSignature) throw damaged();
      // The lengths here may differ from the directory's.
      const from = start + memberBytes + view.getUint16(start + 26, true) + view.getUint16(start + 28, true);
      if (from + packed > end) throw damaged();
      const body = file.subarray(from, from + packed);
      const content = method === 0 ? new Uint8Array(body) : await inflate(body, size, damaged);
      if (content.length !== size || crc32(content) !== checksum) throw damaged();
      return content;
    };
    members.set(name, { name, size, read });
  }
  return [...members.values()];
}

/** The end record is followed by a comment of up to 65,535 bytes, whose length it states. */
function findEnd(view: DataView): number {
  const last = view.byteLength - endBytes;
  for (let at = last; at >= Math.max(0, last - 0xffff); at--) {
    if (view.getUint32(at, true) === endSignature && at + view.getUint16(at + 20, true) === last) return at;
  }
  return -1;
}

/** @param size of the result @throws what `damaged` makes for bytes that aren't deflated, or not to so many */
async function inflate(
  body: Uint8Array<ArrayBuffer>,
  size: number,
  damaged: () => Error,
): Promise<Uint8Array<ArrayBuffer>> {
  const { readable, writable } = new DecompressionStream("deflate-raw");
  const writer = writable.getWriter();
  const feed = async () => {
    for (let at = 0; at < body.length; at += sliceBytes)
      await writer.write(body.subarray(at, at + sliceBytes));
    await writer.close();
  };
  // What fails here fails the reading below as well.
  feed().catch(() => {});
  const reader = readable.getReader();
  const content = new Uint8Array(size);
  let filled = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw damaged();
    });
    if (done) break;
    if (filled + value.length > size) {
      reader.cancel().catch(() => {});
      throw damaged();
    }
    content.set(value, filled);
    filled += value.length;
  }
  if (filled < size) throw damaged();
  return content;
}

const crcOfByte = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0xedb88320;
  return crc;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (crcOfByte[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}
