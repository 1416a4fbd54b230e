/** A training run that is killed again and again, and resumed each time: what it leaves behind, and where it ends. */
import type { ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { loadSnapshot } from "wgrad/node";
import { type Command, tinyRun } from "../support/command.ts";
import { withoutTimes } from "../support/log.ts";

const argsOf = (epochs: number) => [...tinyRun, "-e", String(epochs), "-l", "0.01"];

export interface Kill {
  /** Milliseconds after the process started, or in which write to the output folder. */
  readonly moment: string;
  /** Epochs in the log at that moment. */
  readonly epochs: number;
}

/** Milliseconds from the start of a process to its first epoch's end, and from there to its end. */
export interface Times {
  readonly first: number;
  readonly rest: number;
}

/** Trains without interruption. */
export async function trainWhole(
  command: Command,
  folder: string,
  out: string,
  epochs: number,
): Promise<Times> {
  const began = performance.now();
  let first = 0;
  const onOutput = (_: ChildProcess, stdout: string) => {
    if (first === 0 && stdout.includes("\n1  ")) first = performance.now() - began;
  };
  const { status, stderr } = await command.run([...argsOf(epochs), "-o", out], { cwd: folder, onOutput });
  if (status !== 0) throw new Error(`the uninterrupted run ended with status ${status}: ${stderr}`);
  return { first, rest: performance.now() - began - first };
}

/**
 * Trains, killed with SIGKILL at `kills` moments: of four, one after a random time of the start-up, two of the training, and one
 * while something is written to the output folder.
 * @returns how often it was killed: fewer times where it was done before
 * @throws Error if a kill leaves a file that isn't whole, or a run ends by itself with another status than 0
 */
export async function trainKilled(
  command: Command,
  folder: string,
  out: string,
  { epochs, kills, times, random, onKill }: KillOptions,
): Promise<number> {
  const place = join(folder, out);
  for (let killed = 0; ; ) {
    const resume = snapshotsIn(place).length > 0 ? ["--resume", out] : [...argsOf(epochs), "-o", out];
    const child = command.start(resume, { cwd: folder }, "ignore");
    const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
    const delay =
      killed % 4 === 0 ? random() * times.first : times.first + (random() * 1.5 * times.rest) / kills;
    const inWrite = killed % 4 === 3 && existsSync(place);
    const moment =
      killed < kills ? (inWrite ? killInWrite(child, place, random) : killAfter(child, delay)) : undefined;
    const status = await ended;
    moment?.cancel();
    await checkFolder(place);
    if (child.signalCode === "SIGKILL") {
      killed += 1;
      onKill?.({ moment: moment?.name() ?? "", epochs: logIn(place).length });
    } else if (status !== 0) throw new Error(`a resumed run ended with status ${status}`);
    else return killed;
  }
}

export interface KillOptions {
  readonly epochs: number;
  readonly kills: number;
  /** Of an uninterrupted run. */
  readonly times: Times;
  /** Draws from 0 to 1. */
  readonly random: () => number;
  readonly onKill?: (kill: Kill) => void;
}

/** Everything that two runs of the same bits have in common. */
export async function outcomeOf(
  folder: string,
  out: string,
  epochs: number,
): Promise<{ log: object[]; bits: object }> {
  const place = join(folder, out);
  const { meta, arrays } = await loadSnapshot(join(place, `snapshot_epoch_${epochs}.wgrad`));
  if (typeof meta !== "object" || meta === null || !("state" in meta))
    throw new Error("no run in the snapshot");
  const { state } = meta;
  return {
    log: withoutTimes(logIn(place)),
    bits: {
      meta: { ...meta, savedAt: 0, state: typeof state === "object" && { ...state, log: 0, elapsedTime: 0 } },
      arrays: [...arrays].map(([name, { buffer }]) => [name, Buffer.from(buffer).toString("base64")]),
    },
  };
}

/** Names of files in an output folder, what a killed process left half written excluded. */
export function filesIn(place: string): string[] {
  return existsSync(place) ? readdirSync(place).filter((name) => !name.startsWith(".")) : [];
}

const snapshotsIn = (place: string) => filesIn(place).filter((name) => name.endsWith(".wgrad"));

function logIn(place: string): object[] {
  return existsSync(join(place, "log")) ? JSON.parse(readFileSync(join(place, "log"), "utf8")) : [];
}

/** @throws Error unless every snapshot is whole, and the log is valid */
async function checkFolder(place: string): Promise<void> {
  logIn(place);
  for (const name of snapshotsIn(place)) await loadSnapshot(join(place, name));
}

interface PlannedKill {
  cancel(): void;
  /** For people. */
  name(): string;
}

function killAfter(child: ChildProcess, milliseconds: number): PlannedKill {
  const timer = setTimeout(() => child.kill("SIGKILL"), milliseconds);
  return { cancel: () => clearTimeout(timer), name: () => `after ${Math.round(milliseconds)} ms` };
}

/** Kills at one of the next writes to a folder. */
function killInWrite(child: ChildProcess, place: string, random: () => number): PlannedKill {
  let left = 1 + Math.floor(random() * 20);
  let file = "";
  const watcher = watch(place, (_, name) => {
    if (!name?.endsWith(".tmp")) return;
    left -= 1;
    if (left > 0 || file !== "") return;
    file = name;
    child.kill("SIGKILL");
  });
  return {
    cancel: () => watcher.close(),
    name: () => `writing ${file.replace(/^\./, "").replace(/\.[\d-]+\.tmp$/, "")}`,
  };
}
