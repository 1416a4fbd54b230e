/**
 * Downloads that survive cut connections: bytes go to a `.part` file, a later attempt asks for the rest (`Range`), and the file
 * gets its name once its checksum is right. So whatever has the name is whole, and a part from an earlier day is of use.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DownloadError, reasonOf } from "./download-error.ts";
import { get } from "./http-get.ts";
import { type LockOwner, locked } from "./lock.ts";

/** How far a download is. */
export interface DownloadProgress {
  /** Bytes that are here, those of earlier attempts included. */
  readonly received: number;
  /** Bytes of the file; undefined where the server doesn't say. */
  readonly total: number | undefined;
}

/** What `downloadFile` takes. */
export interface DownloadOptions {
  /** Called at each piece that came. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Stops with the signal's reason; what came so far is kept for the next time. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds without a byte after which the connection counts as cut; 30,000 by default. */
  readonly idleTimeout?: number;
  /** How many cut connections in a row that brought nothing are too many; 5 by default. */
  readonly attempts?: number;
  /** Milliseconds before the next attempt, twice as many each time; 1,000 by default. */
  readonly retryDelay?: number;
}

/**
 * Gets a file, unless it's there already.
 * @param md5 of the whole file, in hexadecimal
 * @returns `path`
 * @throws DownloadError, whose message is one line that says what to do
 */
export async function downloadFile(
  address: string,
  path: string,
  md5: string,
  options: DownloadOptions = {},
): Promise<string> {
  if (await isFile(path)) return path;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const download = async () => {
      if (!(await isFile(path))) await new Download(address, path, md5, options).run();
    };
    await locked(path, download, refusal);
  } catch (error) {
    throw asDownloadError(error, address, path);
  }
  return path;
}

/** The connection broke: the next attempt goes on. */
class Interrupted extends Error {}

class Download {
  readonly #address: string;
  readonly #path: string;
  readonly #part: string;
  readonly #md5: string;
  readonly #options: DownloadOptions;
  #answered = false;

  constructor(address: string, path: string, md5: string, options: DownloadOptions) {
    this.#address = address;
    this.#path = path;
    this.#part = `${path}.part`;
    this.#md5 = md5;
    this.#options = options;
  }

  async run(): Promise<void> {
    // A part of another day may be of another file: then it's done once more, from the start.
    for (let isSecond = (await this.#size()) === 0; ; isSecond = true) {
      await this.#receive();
      const found = await md5Of(this.#part);
      if (found === this.#md5) break;
      await rm(this.#part, { force: true });
      if (isSecond) {
        throw new DownloadError(
          `[download] what came from ${this.#address} has md5 ${found}, but must have ${this.#md5}: it was damaged on the way ` +
            `or replaced; try again later, or get ${this.#address} by hand`,
        );
      }
    }
    await rename(this.#part, this.#path);
  }

  /** Connects until the whole file is here. */
  async #receive(): Promise<void> {
    const { attempts = 5, retryDelay = 1000, signal } = this.#options;
    for (let fruitless = 0; ; ) {
      const before = await this.#size();
      try {
        return await this.#connect(before);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof Interrupted)) throw error;
        const now = await this.#size();
        fruitless = now > before ? 0 : fruitless + 1;
        if (fruitless >= attempts) {
          throw new DownloadError(
            `[download] the connection to ${new URL(this.#address).host} keeps breaking (${error.message}); ` +
              `${megabytes(now)} are here: run it again to go on from there, or get ${this.#address} by hand`,
          );
        }
      }
      await delay(retryDelay * 2 ** fruitless, undefined, { ...(signal && { signal }) }).catch(() => {});
      signal?.throwIfAborted();
    }
  }

  async #connect(from: number): Promise<void> {
    const { idleTimeout = 30_000, signal } = this.#options;
    let response: IncomingMessage;
    try {
      response = await get(this.#address, { from, idleTimeout, signal });
    } catch (cause) {
      signal?.throwIfAborted();
      // Without a network nothing is gained by waiting.
      if (this.#answered) throw new Interrupted(reasonOf(cause));
      throw new DownloadError(
        `[download] ${new URL(this.#address).host} can't be reached (${reasonOf(cause)}): check the network, or get ` +
          `${this.#address} by hand`,
        { cause },
      );
    }
    this.#answered = true;
    try {
      await this.#take(response, from);
    } finally {
      response.destroy();
    }
  }

  async #take(response: IncomingMessage, from: number): Promise<void> {
    const { statusCode = 0, statusMessage = "", headers } = response;
    const [, first, length] = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(headers["content-range"] ?? "") ?? [];
    if (statusCode === 416 && Number(length) === from) return; // it was all here
    if (statusCode === 416 || (statusCode === 206 && Number(first) !== from)) {
      await rm(this.#part, { force: true }); // of another file, or the server counts in its own way
      throw new Interrupted(`the server can't go on from byte ${from}`);
    }
    if (statusCode >= 500 || statusCode === 429) throw new Interrupted(`${statusCode} ${statusMessage}`);
    const isPage = headers["content-type"]?.startsWith("text/html");
    if ((statusCode !== 200 && statusCode !== 206) || isPage) {
      const answer = isPage && statusCode < 300 ? "with a web page" : `${statusCode} ${statusMessage}`;
      throw new DownloadError(
        `[download] the server answered ${answer} for ${this.#address}: the file has moved or the network wants a login; ` +
          `get ${this.#address} by hand`,
      );
    }
    // Without Range it all comes again.
    const start = statusCode === 206 ? from : 0;
    const size = headers["content-length"];
    const total = size === undefined ? undefined : start + Number(size);
    const file = await open(this.#part, start > 0 ? "a" : "w");
    try {
      await this.#write(response, file, start, total);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async #write(response: IncomingMessage, file: FileHandle, start: number, total: number | undefined) {
    const { onProgress } = this.#options;
    let received = start;
    onProgress?.({ received, total });
    const pieces: AsyncIterator<Uint8Array> = response[Symbol.asyncIterator]();
    for (;;) {
      const piece = await pieces.next().catch((cause) => {
        throw new Interrupted(reasonOf(cause));
      });
      if (piece.done) break;
      await file.writeFile(piece.value);
      received += piece.value.length;
      onProgress?.({ received, total });
    }
    if (total !== undefined && received < total) throw new Interrupted("it ended early");
  }

  async #size(): Promise<number> {
    return (await stat(this.#part).catch(() => undefined))?.size ?? 0;
  }
}

function refusal({ pid, host, mark }: LockOwner): DownloadError {
  const where = host === undefined ? "" : ` on '${host}'`;
  return new DownloadError(
    `[download] process ${pid}${where} is downloading this file; wait for it, or delete '${mark}' if it isn't`,
  );
}

function asDownloadError(error: unknown, address: string, path: string): unknown {
  if (error instanceof DownloadError || !(error instanceof Error)) return error;
  if (!("code" in error && "syscall" in error)) return error;
  const reason =
    error.code === "ENOSPC" || error.code === "EDQUOT"
      ? "the disk is full"
      : `it can't be written to (${error.code})`;
  return new DownloadError(
    `[download] '${dirname(path)}': ${reason}; make room, or name another folder, or get ${address} by hand`,
    { cause: error },
  );
}

async function md5Of(path: string): Promise<string> {
  const digest = createHash("md5");
  for await (const bytes of createReadStream(path, { highWaterMark: 1 << 20 })) digest.update(bytes);
  return digest.digest("hex");
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
