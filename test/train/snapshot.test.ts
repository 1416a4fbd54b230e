/** The snapshot format: bits kept, damage noticed. */
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  watch,
  writeFileSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { train } from "wgrad";
import {
  listSnapshots,
  loadLatestSnapshot,
  loadSnapshot,
  removeLeftovers,
  SnapshotFolder,
  saveSnapshot,
  writeFileWhole,
} from "wgrad/node";
import { readLarge, sha256 } from "../../src/train/node/large.ts";

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

  it("may be larger than Node reads and web crypto digests at once", async () => {
    const path = join(folder, "large");
    const bytes = Uint8Array.from({ length: 1000 }, (_, k) => k % 251);
    writeFileSync(path, bytes);
    for (const piece of [7, 1000, 4096]) {
      expect(await readLarge(path, piece)).toEqual(bytes);
      expect(Buffer.from(await sha256(bytes, 999, piece))).toEqual(
        createHash("sha256").update(bytes).digest(),
      );
    }
    expect(Buffer.from(await sha256(bytes))).toEqual(createHash("sha256").update(bytes).digest());
    rmSync(path);
  });

  it("that can't be read or written are named", async () => {
    await expect(loadSnapshot("/nowhere/x")).rejects.toThrowErrorMatchingInlineSnapshot(
      `[SnapshotError: [snapshot] '/nowhere/x' can't be read; name a file that a run wrote]`,
    );
    const path = join(folder, "text");
    writeFileSync(path, "text");
    await expect(loadSnapshot(path)).rejects.toThrow(`[snapshot] '${path}': this is no snapshot of wgrad`);
    await expect(saveSnapshot(join(folder, "no/where"), content)).rejects.toThrow(
      /can't be written: its folder doesn't exist; make it or choose another \(ENOENT\)/,
    );
    await expect(saveSnapshot(join(folder, "text/file"), content)).rejects.toThrow("(ENOTDIR)");
  });

  it("that don't fit on the disk leave what was there before, and nothing else", async () => {
    const place = join(folder, "full");
    mkdirSync(place);
    const snapshots = new SnapshotFolder(place);
    for (const name of ["a", "b", "c"]) await snapshots.save(name, content);
    const handle = await open(join(place, "a"), "r");
    const prototype: FileHandle = Object.getPrototypeOf(handle);
    await handle.close();
    const failure = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    for (const call of ["writeFile", "sync"] as const) {
      const full = vi.spyOn(prototype, call).mockRejectedValue(failure);
      await expect(snapshots.save("d", content)).rejects.toThrow(
        `'${join(place, "d")}' can't be written: the disk is full; make room or choose another folder (ENOSPC)`,
      );
      full.mockRestore();
      expect(readdirSync(place).sort()).toEqual(["a", "b", "c"]);
    }
    await snapshots.save("d", content);
    expect(readdirSync(place).sort()).toEqual(["b", "c", "d"]);
  });

  it("that a killed process left half written are removed, those of a running one aren't", async () => {
    const place = join(folder, "leftovers");
    mkdirSync(place);
    const running = `.log.${process.pid}.tmp`;
    const killed = [".log.4194399.tmp", ".log.4194399-1.tmp"];
    // Of a killed container, whose process had the number of one that runs now.
    if (process.platform === "linux") killed.push(`.log.${process.pid}-1.tmp`);
    for (const name of [...killed, running, ".hidden", "log"]) writeFileSync(join(place, name), "");
    const written: string[] = [];
    const watcher = watch(place, (_, name) => written.push(name ?? ""));
    await writeFileWhole(join(place, "new"), "");
    await expect.poll(() => written).toContainEqual(expect.stringMatching(/^\.new\.\d+-\d+\.tmp$/));
    watcher.close();
    const [own = ""] = written.filter((name) => name.endsWith(".tmp"));
    writeFileSync(join(place, own), "");
    await removeLeftovers(place);
    expect(readdirSync(place).sort()).toEqual([".hidden", running, own, "log", "new"].sort());
    await writeFileWhole(join(place, "log"), "new");
    expect(readFileSync(join(place, "log"), "utf8")).toBe("new");
  });
});

describe("the newest good snapshot", () => {
  const at = (savedAt: number): train.SnapshotContent => ({ ...content, meta: { savedAt } });
  const make = async (name: string) => {
    const place = join(folder, name);
    mkdirSync(place);
    // Saved in an order that neither names nor times of the files show.
    for (const [k, savedAt] of [3, 1, 4, 2].entries())
      await saveSnapshot(join(place, `${k}.wgrad`), at(savedAt));
    writeFileSync(join(place, "log"), "[]");
    return place;
  };

  it("is found in a folder", async () => {
    const place = await make("newest");
    const { snapshots, damaged } = await listSnapshots(place);
    expect(snapshots.map(({ savedAt }) => savedAt)).toEqual([4, 3, 2, 1]);
    expect(damaged).toEqual([]);
    symlinkSync("deleted between listing and looking", join(place, "gone.wgrad"));
    expect(await listSnapshots(place)).toEqual({ snapshots, damaged });
    const { path, snapshot } = await loadLatestSnapshot(place);
    expect(path).toBe(join(place, "2.wgrad"));
    expect(snapshot.meta).toEqual({ savedAt: 4 });
  });

  it("is the one before where the last is damaged, in its arrays or in its header, and says so", async () => {
    const place = await make("damaged");
    truncateSync(join(place, "2.wgrad"), 80);
    const bytes = readFileSync(join(place, "0.wgrad"));
    bytes[bytes.length - 40] = (bytes[bytes.length - 40] ?? 0) ^ 1;
    writeFileSync(join(place, "0.wgrad"), bytes);
    writeFileSync(join(place, "empty.wgrad"), "");
    const messages: string[] = [];
    const { path, damaged } = await loadLatestSnapshot(place, (message) => messages.push(message));
    expect(path).toBe(join(place, "3.wgrad"));
    expect(damaged.map((file) => file.slice(place.length + 1)).sort()).toEqual([
      "0.wgrad",
      "2.wgrad",
      "empty.wgrad",
    ]);
    expect(messages).toHaveLength(3);
    expect(messages).toContain(
      `'${join(place, "0.wgrad")}': the snapshot is cut off or damaged: its checksum doesn't fit; ` +
        `using '${join(place, "3.wgrad")}', the newest good one before it`,
    );
  });

  it("takes the place of a damaged file that was named", async () => {
    const place = await make("named");
    const named = join(place, "0.wgrad");
    expect((await loadLatestSnapshot(named)).path).toBe(named);
    truncateSync(named, 80);
    expect((await loadLatestSnapshot(named)).path).toBe(join(place, "2.wgrad"));
  });

  it("may be missing", async () => {
    const place = await make("none");
    for (const k of [0, 1, 2, 3]) truncateSync(join(place, `${k}.wgrad`), 90);
    await expect(loadLatestSnapshot(place)).rejects.toThrow(
      /none of the 4 snapshots in '.*none' is whole: .*; start the run again/,
    );
    for (const k of [0, 1, 2, 3]) rmSync(join(place, `${k}.wgrad`));
    await expect(loadLatestSnapshot(place)).rejects.toThrow(
      /there is no snapshot in '.*none'; name a folder/,
    );
    await expect(loadLatestSnapshot(join(place, "x"))).rejects.toThrow(
      "x' can't be read; name a file that a run wrote",
    );
    await expect(listSnapshots(join(place, "x"))).rejects.toThrow("there is no folder");
  });
});
