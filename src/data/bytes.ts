/**
 * Bytes that arrive in pieces. Data sets are read as async iterables of chunks, since that is what web streams, Node's
 * streams and memory have in common; nothing is ever held as a whole, so peak memory is the decoded set and a chunk or two.
 */

/** A web stream, a Node stream (or any async iterable of chunks), or the bytes themselves. */
export type ByteSource = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | Uint8Array;

/** Small enough that a browser's DecompressionStream, which expands a whole chunk at once, stays small too. */
const sliceBytes = 1 << 16;

/** The chunks of `source`, in order. Leaving the loop early cancels the stream. */
export async function* chunksOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  if (source instanceof Uint8Array) {
    for (let at = 0; at < source.length; at += sliceBytes) yield source.subarray(at, at + sliceBytes);
  } else if ("getReader" in source) {
    // Not `yield* source`: Safari's streams are no async iterables.
    const reader = source.getReader();
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
    } finally {
      await reader.cancel().catch(() => {}); // an errored stream can't be cancelled, and its error is already on its way
    }
  } else {
    yield* source;
  }
}

/** Reads exact numbers of bytes from chunks of any size. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #pending: Uint8Array = new Uint8Array(0);

  constructor(source: ByteSource) {
    this.#chunks = chunksOf(source);
  }

  /** The next `count` bytes; fewer only where the source ends. */
  async take(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count);
    let filled = 0;
    for await (const piece of this.pieces(count)) {
      bytes.set(piece, filled);
      filled += piece.length;
    }
    return bytes.subarray(0, filled);
  }

  /** The next `count` bytes in the pieces in which they come, without copies; fewer only where the source ends. */
  async *pieces(count: number): AsyncGenerator<Uint8Array> {
    for (let left = count; left > 0; ) {
      if (this.#pending.length === 0) {
        const next = await this.#chunks.next();
        if (next.done) return;
        this.#pending = next.value;
      }
      const piece = this.#pending.subarray(0, left);
      this.#pending = this.#pending.subarray(piece.length);
      left -= piece.length;
      if (piece.length > 0) yield piece;
    }
  }

  /** Stops reading and releases the source. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

/**
 * The decompressed chunks of a gzip file, through the platform's own DecompressionStream. It's written to by hand and only
 * while a chunk is waited for: under `pipeThrough` Node 20's reads ahead by up to 16,384 chunks, which is all of CIFAR-100.
 * @throws what `damaged` makes of it where the data isn't gzip, ends early or fails its checksum; the source's own errors as they are
 */
export async function* gunzip(
  source: AsyncGenerator<Uint8Array>,
  damaged: (cause: unknown) => Error,
): AsyncGenerator<Uint8Array> {
  const { readable, writable } = new DecompressionStream("gzip");
  const writer = writable.getWriter();
  const chunks = chunksOf(readable);
  const demand = new Gate();
  let sourceError: { readonly error: unknown } | undefined;

  const feed = async () => {
    for (;;) {
      await demand.opened;
      const next = await source.next().catch((error: unknown) => {
        sourceError = { error };
        throw error;
      });
      if (next.done) return writer.close();
      await writer.write(unshared(next.value));
    }
  };
  // What fails here fails the reading below as well, which reports it.
  feed().catch((error: unknown) => writer.abort(error).catch(() => {}));

  try {
    for (;;) {
      demand.open();
      const next = await chunks.next().catch((error: unknown) => {
        throw sourceError === undefined ? damaged(error) : sourceError.error;
      });
      demand.shut();
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await chunks.return(undefined);
    source.return(undefined).catch(() => {}); // not awaited: it would wait for a network that has stalled
  }
}

/** Lets through whoever awaits `opened`, while it's open. */
class Gate {
  opened: Promise<void> = Promise.resolve();
  open: () => void = () => {};

  shut(): void {
    this.opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }
}

/** The same bytes, seen as DecompressionStream's types want them: not in shared memory. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
}
