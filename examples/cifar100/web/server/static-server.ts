/**
 * Serves the files of one folder to this machine. A path names a file by plain segments: what climbs, hides separators in escapes, or
 * goes through a link isn't found, and a request for another host (a name that was rebound to this machine) isn't answered.
 */
import { constants, type Stats } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { extname, join } from "node:path";
import { headerPolicy } from "./policy.ts";

const host = "127.0.0.1";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".safetensors": "application/octet-stream",
};

const headers = {
  "Content-Security-Policy": headerPolicy,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": "no-store",
};

export interface StaticServer {
  /** `http://127.0.0.1:PORT/` */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Serves `folder` on 127.0.0.1.
 * @param port 0 for any that is free
 * @throws Error, of code EADDRINUSE where the port is taken
 */
export async function serveFolder(folder: string, port: number): Promise<StaticServer> {
  const root = await realpath(folder);
  const server = createServer((request, response) => {
    answer(root, request, response).catch(() => refuse(response, 500, "The file can't be read."));
  });
  await listening(server, port);
  const bound = server.address();
  const actual = typeof bound === "object" && bound ? bound.port : port;
  return {
    address: `http://${host}:${actual}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

async function answer(root: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "", url = "", socket } = request;
  const names = [host, "localhost"].map((name) => `${name}:${socket.localPort}`);
  if (!names.includes(request.headers.host ?? "")) return refuse(response, 421, "This is another host.");
  if (method !== "GET" && method !== "HEAD") return refuse(response, 405, "Only GET and HEAD.");
  const segments = segmentsOf(url);
  if (!segments) return refuse(response, 400, "The path is malformed.");
  const file = await readPlain(root, segments);
  if (!file) return refuse(response, 404, "There is no such file.");
  response.writeHead(200, {
    ...headers,
    "Content-Type": types[extname(segments.at(-1) ?? "").toLowerCase()] ?? "application/octet-stream",
    "Content-Length": file.length,
  });
  response.end(method === "HEAD" ? undefined : file);
}

/** The decoded segments of a request's path, `index.html` for a folder; undefined for what names no file anywhere. */
export function segmentsOf(url: string): string[] | undefined {
  const [path = ""] = url.split(/[?#]/);
  if (!path.startsWith("/")) return undefined;
  try {
    const segments = path.slice(1).split("/").map(decodeURIComponent);
    if (segments.at(-1) === "") segments[segments.length - 1] = "index.html";
    const isPlain = (segment: string) => !/^\.{0,2}$/.test(segment) && !/[\0/\\:]/.test(segment);
    return segments.every(isPlain) ? segments : undefined;
  } catch {
    return undefined; // a malformed escape
  }
}

/** A regular file that lies in `root` without links on the way. */
async function readPlain(root: string, segments: readonly string[]): Promise<Buffer | undefined> {
  const path = join(root, ...segments);
  try {
    if ((await realpath(path)) !== path) return undefined;
    const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    try {
      const stats: Stats = await file.stat();
      return stats.isFile() ? await file.readFile() : undefined;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof Error && "code" in error && missing.has(String(error.code))) return undefined;
    throw error;
  }
}

const missing = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "EISDIR"]);

function refuse(response: ServerResponse, status: number, reason: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { ...headers, "Content-Type": "text/plain; charset=utf-8" });
  response.end(`${reason}\n`);
}
