/** Locks of processes that run, were killed, or are elsewhere. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeEach, expect, test } from "vitest";
import { type LockOwner, locked } from "../../src/data/node/lock.ts";
import { bundleForNode } from "../support/command.ts";

const root = mkdtempSync(join(tmpdir(), "wgrad-lock-"));
const holder = join(root, "holder.mjs");
await bundleForNode(fileURLToPath(new URL("../../", import.meta.url)), "test/data/lock-holder.ts", holder);
afterAll(() => rmSync(root, { recursive: true }));

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(root, "folder-"));
  path = join(folder, "thing");
});

class Refused extends Error {
  readonly owner: LockOwner;

  constructor(owner: LockOwner) {
    super("refused");
    this.owner = owner;
  }
}

/** Who was in the way; undefined if the lock was had. */
const owner = () =>
  locked(
    path,
    async () => undefined,
    (who) => new Refused(who),
  ).catch((error: Refused) => error.owner);

/** Starts processes that wait for a line, take the lock for some milliseconds and print what they do. */
const start = (count: number, milliseconds: number): ChildProcess[] =>
  Array.from({ length: count }, () => spawn(process.execPath, [holder, path, String(milliseconds)]));

async function hold(): Promise<ChildProcess> {
  const [child] = start(1, 60_000);
  if (!child) throw new Error("no process");
  child.stdin?.write("go\n");
  await expect.poll(() => readdirSync(folder), { timeout: 20_000 }).toHaveLength(1);
  return child;
}

test("a process that runs is in the way, one that was killed isn't", async () => {
  const child = await hold();
  const [mark = ""] = readdirSync(folder);
  expect(await owner()).toEqual({ pid: child.pid, mark: join(folder, mark) });
  expect(readdirSync(folder)).toEqual([mark]);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(readdirSync(folder)).toEqual([mark]);
  const began = performance.now();
  expect(await owner()).toBeUndefined();
  expect(performance.now() - began).toBeLessThan(500);
  expect(readdirSync(folder)).toEqual([]);
});

test.runIf(process.platform === "linux")("a number that is used again isn't in the way", async () => {
  const child = await hold();
  const [mark = ""] = readdirSync(folder);
  child.kill("SIGKILL");
  await once(child, "exit");
  for (const [pid, start] of [
    [process.ppid, 1],
    [process.pid, 1],
  ]) {
    writeFileSync(join(folder, mark.replace(/\d+-\d+/, `${pid}-${start}`)), "");
    expect(await owner()).toBeUndefined();
    expect(readdirSync(folder)).toEqual([]);
  }
});

test.runIf(process.platform === "linux")(
  "a killed process whose parent doesn't ask isn't in the way",
  async () => {
    const careless = spawn("sh", [
      "-c",
      `"$0" "$1" "$2" 60000 < "$3" & exec sleep 60`,
      process.execPath,
      holder,
      path,
      "/dev/zero",
    ]);
    await expect.poll(() => readdirSync(folder), { timeout: 20_000 }).toHaveLength(1);
    const { pid = 0 } = (await owner()) ?? {};
    process.kill(pid, "SIGKILL");
    await expect.poll(() => readFileSync(`/proc/${pid}/stat`, "utf8"), { timeout: 20_000 }).toContain(") Z ");
    expect(await owner()).toBeUndefined();
    careless.kill();
  },
);

test("a process elsewhere is in the way while it touches its mark", async () => {
  const mark = `${path}.17-4711-0abcdef0.lock`;
  writeFileSync(mark, "box");
  utimesSync(mark, 0, 4e9); // clocks may differ
  let seconds = 0;
  const touching = setInterval(() => utimesSync(mark, 0, --seconds), 1000);
  expect(await owner()).toEqual({ pid: 17, host: "box", mark });
  clearInterval(touching);
  expect(await owner()).toBeUndefined();
  expect(readdirSync(folder)).toEqual([]);
}, 30_000);

test("of processes that come at a time one has the lock", async () => {
  writeFileSync(`${path}.999999999-1-0abcdef0.txt`, "no mark");
  const children = start(8, 1500);
  await Promise.all(children.map(({ stdout }) => once(stdout ?? process, "data")));
  let output = "";
  for (const { stdin, stdout } of children) {
    stdout?.on("data", (text) => {
      output += text;
    });
    stdin?.write("go\n");
  }
  await Promise.all(children.map((child) => once(child, "close")));
  expect(output.match(/held/g)).toHaveLength(1);
  expect(output.match(/refused/g)).toHaveLength(7);
  expect(readdirSync(folder)).toHaveLength(1);
});
