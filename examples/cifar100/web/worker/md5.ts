/** MD5 (RFC 1321) of bytes that arrive in pieces: the sets' publishers give no other checksum, and Web Crypto lacks it. Not for secrets. */

const shifts = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
] as const;
const sines = Uint32Array.from({ length: 64 }, (_, k) => Math.floor(2 ** 32 * Math.abs(Math.sin(k + 1))));
const rotations = Uint8Array.from({ length: 64 }, (_, k) => shifts[k >> 4]?.[k & 3] ?? 0);
const wordOf = Uint8Array.from({ length: 64 }, (_, k) => [k, 5 * k + 1, 3 * k + 5, 7 * k][k >> 4]! & 15);
const blockBytes = 64;

export class Md5 {
  readonly #state = new Uint32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]);
  readonly #words = new Uint32Array(16);
  readonly #block = new Uint8Array(blockBytes);
  #filled = 0;
  #bytes = 0;

  update(piece: Uint8Array): void {
    this.#bytes += piece.length;
    for (let at = 0; at < piece.length; ) {
      const taken = Math.min(blockBytes - this.#filled, piece.length - at);
      this.#block.set(piece.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === blockBytes) this.#mix();
    }
  }

  /** 32 hexadecimal digits. Ends the object's use. */
  digest(): string {
    const bits = 8 * this.#bytes;
    this.#block[this.#filled++] = 0x80;
    this.#block.fill(0, this.#filled);
    if (this.#filled > blockBytes - 8) {
      this.#mix();
      this.#block.fill(0);
    }
    const view = new DataView(this.#block.buffer);
    view.setUint32(56, bits >>> 0, true);
    view.setUint32(60, Math.floor(bits / 2 ** 32), true);
    this.#mix();
    const bytes = new DataView(new ArrayBuffer(16));
    for (const [k, word] of this.#state.entries()) bytes.setUint32(4 * k, word, true);
    return Array.from(new Uint8Array(bytes.buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  #mix(): void {
    const view = new DataView(this.#block.buffer);
    const words = this.#words;
    for (let k = 0; k < 16; k++) words[k] = view.getUint32(4 * k, true);
    let [a = 0, b = 0, c = 0, d = 0] = this.#state;
    for (let k = 0; k < 64; k++) {
      const chosen =
        k < 16 ? (b & c) | (~b & d) : k < 32 ? (d & b) | (~d & c) : k < 48 ? b ^ c ^ d : c ^ (b | ~d);
      const sum = (a + chosen + (sines[k] ?? 0) + (words[wordOf[k] ?? 0] ?? 0)) | 0;
      const rotation = rotations[k] ?? 0;
      a = d;
      d = c;
      c = b;
      b = (b + ((sum << rotation) | (sum >>> (32 - rotation)))) | 0;
    }
    const state = this.#state;
    for (const [k, word] of [a, b, c, d].entries()) state[k] = ((state[k] ?? 0) + word) >>> 0;
    this.#filled = 0;
  }
}
