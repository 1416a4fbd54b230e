/** Downloads from a local server that misbehaves in the ways of real ones. */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { mkdir } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { cacheFolder } from "../../src/data/node/cache-folder.ts";
import { type DownloadOptions, downloadFile } from "../../src/data/node/download.ts";
import { downloadCifar100 } from "../../src/data/node/download-cifar.ts";

const body = Buffer.from(Uint8Array.from({ length: 300_007 }, (_, i) => (i * 7919) >> 5));
const md5 = createHash("md5").update(body).digest("hex");
const root = mkdtempSync(join(tmpdir(), "wgrad-download-"));
const quick = { retryDelay: 1, idleTimeout: 5000 } as const;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
let answers: Answer[] = [];
let ranges: (string | undefined)[] = [];
/** Gives each request the next answer; the last one again and again. */
const server = createServer((request, response) => {
  ranges.push(request.headers.range);
  const answer = answers.length > 1 ? answers.shift() : answers[0];
  answer?.(request, response);
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as AddressInfo;
const address = `http://127.0.0.1:${port}/set.tar.gz`;

let folder = "";
let path = "";
beforeEach(async () => {
  ranges = [];
  folder = mkdtempSync(join(root, "cache-"));
  path = join(folder, "set.tar.gz");
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(root, { recursive: true });
});

const startOf = ({ headers }: IncomingMessage) =>
  Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);

/** Serves ranges; cuts the connection after `most` bytes. */
const serve =
  (most = Number.POSITIVE_INFINITY, content = body): Answer =>
  (request, response) => {
    const from = startOf(request);
    if (from >= content.length) {
      response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
      return;
    }
    const rest = content.subarray(from);
    const range = { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` };
    response.writeHead(from > 0 ? 206 : 200, { "content-length": rest.length, ...(from > 0 && range) });
    if (most >= rest.length) response.end(rest);
    else cutAfter(response, rest.subarray(0, most), from);
  };
/** Breaks the connection once these bytes are in the part: what is still under way when it breaks may be lost. */
const cutAfter = (response: ServerResponse, bytes: Uint8Array, from: number) => {
  if (bytes.length > 0) response.write(bytes);
  else response.flushHeaders();
  const timer = setInterval(() => {
    const size = existsSync(`${path}.part`) ? statSync(`${path}.part`).size : 0;
    if (size < from + bytes.length) return;
    clearInterval(timer);
    response.destroy();
  }, 2);
};
const fail =
  (status: number, headers = {}): Answer =>
  (_, response) =>
    void response.writeHead(status, headers).end("no");

const download = (options: DownloadOptions = {}) =>
  downloadFile(address, path, md5, { ...quick, ...options });
const message = (options: DownloadOptions = {}, from = address) =>
  downloadFile(from, path, md5, { ...quick, ...options }).then(
    () => "no error",
    (error: Error) =>
      `${error.name}: ${error.message
        .replaceAll(root, "ROOT")
        .replaceAll(/cache-\w+/g, "CACHE")
        .replaceAll(String(port), "PORT")}`,
  );
const files = () => readdirSync(folder).sort();

describe("downloadFile", () => {
  test("gets a file, with progress, and later finds it", async () => {
    answers = [serve()];
    const seen: (number | undefined)[][] = [];
    expect(await download({ onProgress: ({ received, total }) => seen.push([received, total]) })).toBe(path);
    expect(Buffer.compare(readFileSync(path), body)).toBe(0);
    expect([seen[0], seen.at(-1)]).toEqual([
      [0, body.length],
      [body.length, body.length],
    ]);
    expect(files()).toEqual(["set.tar.gz"]);
    answers = [fail(500)];
    expect(await download()).toBe(path);
    expect(ranges).toHaveLength(1);
  });

  test("goes on where a connection was cut", async () => {
    answers = [serve(100_000), serve(50_000), serve()];
    let last = 0;
    await download({
      onProgress: ({ received, total }) => {
        expect([received >= last, total]).toEqual([true, body.length]);
        last = received;
      },
    });
    expect(Buffer.compare(readFileSync(path), body)).toBe(0);
    expect(ranges).toEqual([undefined, "bytes=100000-", "bytes=150000-"]);
  });

  test("goes on in a later call, after Ctrl-C", async () => {
    answers = [serve(100_000), serve()];
    const controller = new AbortController();
    const stopped = download({
      signal: controller.signal,
      onProgress: ({ received }) => received > 0 && controller.abort(new Error("stopped")),
    });
    await expect(stopped).rejects.toThrow("stopped");
    expect(files()).toEqual(["set.tar.gz.part"]);
    await download();
    expect(Buffer.compare(readFileSync(path), body)).toBe(0);
    expect(ranges[1]).toMatch(/^bytes=\d+-$/);
    expect(files()).toEqual(["set.tar.gz"]);
  });

  test("starts over where the server knows no ranges", async () => {
    const whole = serve();
    answers = [
      serve(100_000),
      (request, response) => {
        delete request.headers.range;
        whole(request, response);
      },
    ];
    await download();
    expect(Buffer.compare(readFileSync(path), body)).toBe(0);
    expect(ranges).toEqual([undefined, "bytes=100000-"]);
  });

  test("starts over where the part isn't this file's", async () => {
    writeFileSync(`${path}.part`, "something else");
    answers = [serve()];
    await download();
    expect(ranges).toEqual(["bytes=14-", undefined]);
    expect(Buffer.compare(readFileSync(path), body)).toBe(0);
  });

  test("a part that's whole, and one that's too long", async () => {
    answers = [serve()];
    writeFileSync(`${path}.part`, body);
    await download();
    expect(ranges).toEqual([`bytes=${body.length}-`]);
    rmSync(path);
    writeFileSync(`${path}.part`, Buffer.concat([body, body]));
    await download();
    expect(Buffer.compare(readFileSync(path), body)).toBe(0);
  });

  test("gives up where nothing comes any more, and keeps what came", async () => {
    answers = [serve(100_000), serve(0)];
    expect(await message({ attempts: 3 })).toMatchInlineSnapshot(
      `"DownloadError: [download] the connection to 127.0.0.1:PORT keeps breaking (ECONNRESET); 0.1 MB are here: run it again to go on from there, or get http://127.0.0.1:PORT/set.tar.gz by hand"`,
    );
    expect(ranges).toHaveLength(4);
    expect(readFileSync(`${path}.part`)).toHaveLength(100_000);
  });

  test("a server that falls silent counts as cut; one that is slow doesn't", async () => {
    const silent: Answer = (_, response) => {
      response.writeHead(200, { "content-length": body.length });
      response.write(body.subarray(0, 1000));
    };
    answers = [silent, serve()];
    await download({ idleTimeout: 500 });
    expect(ranges).toEqual([undefined, "bytes=1000-"]);

    rmSync(path);
    ranges = [];
    answers = [
      (_, response) => {
        response.writeHead(200, { "content-length": body.length });
        let at = 0;
        const timer = setInterval(() => {
          response.write(body.subarray(at, at + 80_000));
          at += 80_000;
          if (at >= body.length) response.end(() => clearInterval(timer));
        }, 500);
      },
    ];
    await download({ idleTimeout: 1500 }); // 2 s in all
    expect(ranges).toHaveLength(1);
  });

  test("a wrong checksum: nothing is left", async () => {
    answers = [serve(Number.POSITIVE_INFINITY, Buffer.from("another file"))];
    expect(await message()).toMatchInlineSnapshot(
      `"DownloadError: [download] what came from http://127.0.0.1:PORT/set.tar.gz has md5 50e55790ffe629eab86d207fc98bf710, but must have 509684eecd2566f3049a4c8ea28ac46b: it was damaged on the way or replaced; try again later, or get http://127.0.0.1:PORT/set.tar.gz by hand"`,
    );
    expect(files()).toEqual([]);
    expect(ranges).toHaveLength(1);
  });

  test("404, a login page, a server in trouble", async () => {
    answers = [fail(404)];
    expect(await message()).toMatchInlineSnapshot(
      `"DownloadError: [download] the server answered 404 Not Found for http://127.0.0.1:PORT/set.tar.gz: the file has moved or the network wants a login; get http://127.0.0.1:PORT/set.tar.gz by hand"`,
    );
    answers = [fail(200, { "content-type": "text/html; charset=utf-8" })];
    expect(await message()).toContain("answered with a web page");
    answers = [fail(503), fail(503), serve()];
    expect(await message()).toBe("no error");
  });

  test("follows redirects, and doesn't decompress", async () => {
    answers = [
      fail(302, { location: "/moved.tar.gz" }),
      (_, response) => {
        response.writeHead(200, { "content-encoding": "x-gzip", "content-length": body.length }).end(body);
      },
    ];
    await download();
    expect(Buffer.compare(readFileSync(path), body)).toBe(0);
    rmSync(path);
    answers = [fail(302, { location: "/again" })];
    expect(await message()).toContain("more than 5 redirects");
  });

  test("no server: one line, at once", async () => {
    expect(await message({}, "http://127.0.0.1:1/set.tar.gz")).toMatchInlineSnapshot(
      `"DownloadError: [download] 127.0.0.1:1 can't be reached (ECONNREFUSED): check the network, or get http://127.0.0.1:1/set.tar.gz by hand"`,
    );
    expect(await message({}, "http://wgrad.invalid/set.tar.gz")).toMatch(
      /wgrad.invalid can't be reached \(E\w+\): check the network/,
    );
  });

  test("two processes don't get in each other's way", async () => {
    answers = [serve()];
    const mark = `${path}.17-4711-0abcdef0.lock`; // of another container
    writeFileSync(mark, "elsewhere");
    const touching = setInterval(() => utimesSync(mark, new Date(), new Date()), 100);
    expect(await message()).toMatchInlineSnapshot(
      `"DownloadError: [download] process 17 on 'elsewhere' is downloading this file; wait for it, or delete 'ROOT/CACHE/set.tar.gz.17-4711-0abcdef0.lock' if it isn't"`,
    );
    clearInterval(touching);
    rmSync(mark);
    const both = await Promise.all([message(), message()]);
    expect(both.filter((each) => each !== "no error")).toEqual([
      expect.stringContaining(`process ${process.pid} is downloading this file`),
    ]);
    expect(files()).toEqual(["set.tar.gz"]);
  });

  test("a folder that can't be", async () => {
    answers = [serve()];
    writeFileSync(join(folder, "file"), "");
    path = join(folder, "file", "set.tar.gz");
    expect((await message()).replace(/\(E\w+\)/, "(CODE)")).toMatchInlineSnapshot(
      `"DownloadError: [download] 'ROOT/CACHE/file': it can't be written to (CODE); make room, or name another folder, or get http://127.0.0.1:PORT/set.tar.gz by hand"`,
    );
  });

  test.runIf(existsSync("/dev/full"))("a full disk", async () => {
    answers = [serve()];
    symlinkSync("/dev/full", `${path}.part`);
    expect(await message()).toMatchInlineSnapshot(
      `"DownloadError: [download] 'ROOT/CACHE': the disk is full; make room, or name another folder, or get http://127.0.0.1:PORT/set.tar.gz by hand"`,
    );
  });
});

test("downloadCifar100 takes the official archive only, from whatever address", async () => {
  answers = [serve()];
  await expect(downloadCifar100({ address, folder, ...quick })).rejects.toThrow(
    "must have 03b5dce01913d631647c71ecec9e9cb8",
  );
  await mkdir(folder, { recursive: true });
  const archive = join(folder, "cifar-100-binary.tar.gz");
  writeFileSync(archive, ""); // what has the name was whole once; loadCifar100 looks at it again
  expect(await downloadCifar100({ address, folder })).toBe(archive);
});

test("the cache folder follows the system's rules", () => {
  const of = (platform: NodeJS.Platform, env: Record<string, string>) =>
    cacheFolder({ HOME: "/home/ada", ...env }, platform);
  expect(of("linux", {})).toBe(join("/home/ada", ".cache", "wgrad"));
  expect(of("linux", { XDG_CACHE_HOME: "/big/cache" })).toBe(join("/big/cache", "wgrad"));
  expect(of("linux", { XDG_CACHE_HOME: "relative" })).toBe(join("/home/ada", ".cache", "wgrad"));
  expect(of("darwin", { XDG_CACHE_HOME: "/big/cache" })).toBe(
    join("/home/ada", "Library", "Caches", "wgrad"),
  );
  expect(of("win32", { LOCALAPPDATA: "/local" })).toBe(join("/local", "wgrad"));
});
