/** Of files of any size: Node's `readFile` and the web's SHA-256 take less than 2 GiB. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { setImmediate as turn } from "node:timers/promises";

const mostForOne = 2 ** 31 - 1;
const pieceBytes = 2 ** 26;

/** All bytes of a file. */
export async function readLarge(path: string, piece = pieceBytes): Promise<Uint8Array<ArrayBuffer>> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; ) {
      const { bytesRead } = await file.read(bytes, at, Math.min(piece, size - at));
      if (bytesRead === 0) return bytes.subarray(0, at); // it has become shorter
      at += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

/** SHA-256: off this thread where that can be, else in pieces, between which other work goes on. */
export async function sha256(
  bytes: Uint8Array<ArrayBuffer>,
  most = mostForOne,
  piece = pieceBytes,
): Promise<Uint8Array> {
  if (bytes.length <= most) return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hash = createHash("sha256");
  for (let at = 0; at < bytes.length; at += piece) {
    hash.update(bytes.subarray(at, at + piece));
    await turn();
  }
  return hash.digest();
}
