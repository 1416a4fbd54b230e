import { describe, expect, test } from "vitest";
import { isTarHeader, tarMembers } from "../../src/data/tar.ts";
import { base256, join, pax, streamOf, tar } from "./archives.ts";

async function list(archive: Uint8Array, chunk = 4096) {
  const members: string[] = [];
  for await (const { name, isFile, size, body } of tarMembers(streamOf(archive, chunk), "a.tar")) {
    const parts: Uint8Array[] = [];
    for await (const piece of body) parts.push(piece);
    members.push(`${isFile ? "file" : "other"} ${name} ${size} ${new TextDecoder().decode(join(parts))}`);
  }
  return members;
}

const long = `${"folder/".repeat(20)}x.bin`;

describe("members", () => {
  test.each([1, 7, 511, 512, 513, 100_000])("are the same whatever the chunks: %i bytes", async (chunk) => {
    const archive = tar([
      { name: "d/", type: "5" },
      { name: "d/a", body: "first" },
      { name: "d/empty" },
      { name: "d/b", body: "b".repeat(512) },
    ]);
    const members = ["other d/ 0 ", "file d/a 5 first", "file d/empty 0 ", `file d/b 512 ${"b".repeat(512)}`];
    expect(await list(archive, chunk)).toEqual(members);
  });

  test("may be skipped, or read in part", async () => {
    const names: string[] = [];
    const archive = tar([
      { name: "a", body: "a".repeat(5000) },
      { name: "b", body: "b".repeat(5000) },
      { name: "c" },
    ]);
    for await (const { name, body } of tarMembers(streamOf(archive, 100), "a.tar")) {
      names.push(name);
      if (name === "b") for await (const _ of body) break;
    }
    expect(names).toEqual(["a", "b", "c"]);
  });

  test.each([
    [
      "GNU long name",
      [
        { name: "././@LongLink", type: "L", body: `${long}\0` },
        { name: "cut", body: "x" },
      ],
    ],
    [
      "pax path",
      [
        { name: "pax", type: "x", body: pax("mtime", "1.5") + pax("path", long) },
        { name: "cut", body: "x" },
      ],
    ],
    ["ustar prefix", [{ name: "x.bin", prefix: long.slice(0, -6), magic: "ustar\x0000", body: "x" }]],
  ])("long names: %s", async (_, entries) => {
    // The name holds for one member only.
    expect(await list(tar([...entries, { name: "after" }]))).toEqual([`file ${long} 1 x`, "file after 0 "]);
  });

  test("a global pax header holds for all that follow", async () => {
    const archive = tar([{ name: "g", type: "g", body: pax("path", "same") }, { name: "a" }, { name: "b" }]);
    expect(await list(archive)).toEqual(["file same 0 ", "file same 0 "]);
  });

  test("sizes: base 256, spaces, pax", async () => {
    const spaces = new TextEncoder().encode("      3     ");
    expect(await list(tar([{ name: "a", body: "abc", size: base256(3) }]))).toEqual(["file a 3 abc"]);
    expect(await list(tar([{ name: "a", body: "abc", size: spaces }]))).toEqual(["file a 3 abc"]);
    const withPax = tar([
      { name: "p", type: "x", body: pax("size", "3") },
      { name: "a", body: "abc", size: base256(0) },
    ]);
    expect(await list(withPax)).toEqual(["file a 3 abc"]);
  });

  test("links, devices and folders aren't files, and have no body whatever their size field says", async () => {
    const entries = [..."123456"].map((type) => ({ name: `t${type}`, type, size: base256(99) }));
    const others = entries.map(({ name }) => `other ${name} 0 `);
    expect(await list(tar([...entries, { name: "a", body: "abc" }]))).toEqual([...others, "file a 3 abc"]);
  });

  test("an archive without its end mark, or with bytes after it, is read", async () => {
    expect(await list(tar([{ name: "a", body: "abc" }], { end: false }))).toEqual(["file a 3 abc"]);
    expect(await list(join([tar([{ name: "a" }]), new Uint8Array(9000).fill(7)]))).toEqual(["file a 0 "]);
  });
});

describe("errors", () => {
  const good = tar([{ name: "a", body: "a".repeat(2000) }, { name: "b" }]);

  test("no archive", async () => {
    await expect(list(new Uint8Array(2000).fill(65))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [tar] 'a.tar' holds no tar archive; download it again]`,
    );
  });
  test("cut inside a member", async () => {
    await expect(list(good.subarray(0, 1000))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [tar] 'a.tar' is truncated: 'a' ends after 488 of 2000 bytes; download it again]`,
    );
  });
  test("cut inside a header", async () => {
    await expect(list(good.subarray(0, 2600))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [tar] 'a.tar' is truncated: it ends inside the header at byte 2560; download it again]`,
    );
  });
  test("a damaged header", async () => {
    const archive = tar([{ name: "a" }, { name: "b", checksum: 1234 }]);
    await expect(list(archive)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [tar] 'a.tar' is damaged: the tar header at byte 512 fails its checksum; download it again]`,
    );
  });
  test.each([
    ["more than the archive holds", base256(2 ** 50)],
    ["more than a number holds exactly", new Uint8Array(12).fill(255).fill(128, 0, 1)],
    ["negative", new Uint8Array(12).fill(255)],
    ["no number", new TextEncoder().encode("12 monkeys!!")],
  ])("a size that's %s", async (_, size) => {
    await expect(list(tar([{ name: "a", body: "abc", size }]))).rejects.toThrow(
      /^\[tar\] 'a.tar' is (damaged|truncated)/,
    );
  });
  test("a long name that's too long", async () => {
    const archive = tar([{ name: "L", type: "L", size: base256(2 ** 40) }]);
    await expect(list(archive)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: [tar] 'a.tar' is damaged: a long-name header of 1099511627776 bytes at byte 0; download it again]`,
    );
  });

  test("stop the stream", async () => {
    const stream = streamOf(new Uint8Array(50_000).fill(65));
    await expect(tarMembers(stream, "a.tar").next()).rejects.toThrow("no tar archive");
    expect(stream.cancelled).toBe(true);
  });
});

test("isTarHeader tells by the checksum", () => {
  expect(isTarHeader(tar([{ name: "a" }]).subarray(0, 512))).toBe(true);
  expect(isTarHeader(new Uint8Array(512))).toBe(false);
  expect(isTarHeader(new Uint8Array(12))).toBe(false);
});
