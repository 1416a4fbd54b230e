/** The snapshot format: bits kept, damage noticed. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { train } from "wgrad";
import { loadSnapshot, SnapshotFolder, saveSnapshot } from "wgrad/node";

const folder = mkdtempSync(join(tmpdir(), "wgrad-snapshot-"));
afterAll(() => rmSync(folder, { recursive: true }));

const content: train.SnapshotContent = {
  meta: { text: "é\u0000", list: [1, 0.1, null], nested: { yes: true } },
  arrays: new Map<string, train.SnapshotArray>([
    ["floats", new Float32Array([0.1, -0, Number.POSITIVE_INFINITY])],
    ["bits", new Float32Array(new Uint32Array([0x7fc12345, 1]).buffer)],
    ["words", new Uint32Array([0xffffffff])],
    ["empty", new Int32Array(0)],
    ["signed", new Int32Array([-1, 2 ** 31 - 1, 5])],
  ]),
};

function words({ arrays }: train.SnapshotContent) {
  return [...arrays].map(([name, { buffer }]) => [name, [...new Uint32Array(buffer)]]);
}

describe("snapshots", () => {
  it("keep every bit, and types", async () => {
    const copy = await train.decodeSnapshot(await train.encodeSnapshot(content));
    expect(copy.meta).toEqual(content.meta);
    expect(words(copy)).toEqual(words(content));
    for (const [name, array] of content.arrays)
      expect(copy.arrays.get(name)?.constructor).toBe(array.constructor);
  });

  it("notice every changed byte and every length", async () => {
    const bytes = await train.encodeSnapshot(content);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      await expect(train.decodeSnapshot(damaged)).rejects.toBeInstanceOf(train.SnapshotError);
      await expect(train.decodeSnapshot(bytes.slice(0, at))).rejects.toBeInstanceOf(train.SnapshotError);
    }
    await expect(train.decodeSnapshot(new Uint8Array([...bytes, 0]))).rejects.toBeInstanceOf(
      train.SnapshotError,
    );
  });

  it("say what is wrong", async () => {
    const bytes = await train.encodeSnapshot(content);
    const newer = bytes.slice();
    newer[8] = 2;
    await expect(train.decodeSnapshot(newer)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[SnapshotError: [snapshot] the snapshot has version 2, but this release of wgrad reads version 1; use the release that wrote it]`,
    );
    await expect(train.decodeSnapshot(new Uint8Array(100))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[SnapshotError: [snapshot] this is no snapshot of wgrad]`,
    );
    await expect(train.decodeSnapshot(bytes.slice(0, -1))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[SnapshotError: [snapshot] the snapshot is cut off or damaged: its checksum doesn't fit; use an earlier one]`,
    );
    expect(() => train.describeRun(content)).toThrowErrorMatchingInlineSnapshot(
      `[SnapshotError: [snapshot] the snapshot holds no training run]`,
    );
  });

  it("that contradict themselves are refused, whatever the checksum says", async () => {
    const header = (arrays: unknown) => JSON.stringify({ meta: null, arrays });
    for (const text of [
      "{",
      "[]",
      header([{ name: "a", type: "f32", length: 2 ** 40 }]),
      header([{ name: "a", type: "f32", length: -1 }]),
      header([{ name: "a", type: "f32", length: 0.5 }]),
      header([{ name: "a", type: "toString", length: 1 }]),
      header([]),
    ]) {
      const padded = text.padEnd(Math.ceil(text.length / 8) * 8);
      const bytes = new Uint8Array(16 + padded.length + 8 + 32);
      bytes.set(new TextEncoder().encode("wgradsnp"));
      new DataView(bytes.buffer).setUint32(8, 1, true);
      new DataView(bytes.buffer).setUint32(12, padded.length, true);
      bytes.set(new TextEncoder().encode(padded), 16);
      const sum = await crypto.subtle.digest("SHA-256", bytes.subarray(0, -32));
      bytes.set(new Uint8Array(sum), bytes.length - 32);
      await expect(train.decodeSnapshot(bytes), text).rejects.toBeInstanceOf(train.SnapshotError);
    }
  });
});

describe("snapshot files", () => {
  it("are whole, and the last three are kept", async () => {
    writeFileSync(join(folder, "another"), "");
    const snapshots = new SnapshotFolder(folder);
    for (const name of ["a", "b", "c", "d", "b"]) await snapshots.save(name, content);
    expect(readdirSync(folder).sort()).toEqual(["another", "b", "c", "d"]);
    expect(words(await loadSnapshot(snapshots.latest ?? ""))).toEqual(words(content));
  });

  it("that can't be read or written are named", async () => {
    await expect(loadSnapshot("/nowhere/x")).rejects.toThrowErrorMatchingInlineSnapshot(
      `[SnapshotError: [snapshot] '/nowhere/x' can't be read; name a file that a run wrote]`,
    );
    const path = join(folder, "text");
    writeFileSync(path, "text");
    await expect(loadSnapshot(path)).rejects.toThrow(`[snapshot] '${path}': this is no snapshot of wgrad`);
    await expect(saveSnapshot(join(folder, "no/where"), content)).rejects.toThrow("ENOENT");
  });
});
