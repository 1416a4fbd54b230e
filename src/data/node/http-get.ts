/**
 * One GET request, from a byte offset on. By node:http and not by `fetch`, which undoes a `Content-Encoding: x-gzip` that some
 * servers put on a .tar.gz: the file would come decompressed and fail its checksum.
 */
import { get as httpGet, type IncomingMessage } from "node:http";
import { get as httpsGet } from "node:https";

export interface GetOptions {
  /** The first byte that is wanted. */
  readonly from: number;
  /** Milliseconds without a byte after which the connection counts as cut. */
  readonly idleTimeout: number;
  readonly signal: AbortSignal | undefined;
}

const mostRedirects = 5;

/** The server's answer, redirects followed. Its body must be read or destroyed. @throws Error if the server can't be reached */
export async function get(address: string, options: GetOptions): Promise<IncomingMessage> {
  let url = new URL(address);
  for (let hops = 0; ; hops++) {
    const response = await request(url, options);
    const { statusCode = 0, headers } = response;
    if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined) return response;
    response.destroy();
    const next = new URL(headers.location, url);
    if (hops === mostRedirects) throw new Error(`more than ${mostRedirects} redirects`);
    if (url.protocol === "https:" && next.protocol !== "https:")
      throw new Error(`it redirects from https to ${next.protocol}//${next.host}`);
    url = next;
  }
}

function request(url: URL, { from, idleTimeout, signal }: GetOptions): Promise<IncomingMessage> {
  const start = url.protocol === "https:" ? httpsGet : httpGet;
  const headers = { "accept-encoding": "identity", ...(from > 0 && { range: `bytes=${from}-` }) };
  return new Promise((resolve, reject) => {
    const request = start(url, { headers, agent: false, ...(signal && { signal }) }, resolve);
    request.on("error", reject);
    request.setTimeout(idleTimeout, () =>
      request.destroy(new Error(`no byte came in ${idleTimeout / 1000} s`)),
    );
  });
}
