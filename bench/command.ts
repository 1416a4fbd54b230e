/** What the benchmarks' commands have in common. */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { InvalidArgumentError } from "commander";
import type { Gpu } from "wgrad";
import { pathOf } from "../examples/cifar100/options.ts";

/** The adapter, for people. */
export function nameOf({ info }: Gpu): string {
  return info.name;
}

/** Runs a command: its result is the exit status, a failure one line and status 1. */
export async function runCommand(main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}

/** An option's value that is a positive number. */
export function positive(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("It must be a positive number, or a list of them where several are taken.");
}

/** An option's value that is a file to write: at the end, so what can't be written is said at the start. */
export function outputFile(text: string): string {
  const file = pathOf(text);
  if (existsSync(dirname(file))) return file;
  throw new InvalidArgumentError("Its folder doesn't exist.");
}

/** An option's value that is a list of some of these names. */
export function listOf(known: readonly string[]): (text: string) => string[] {
  return (text) => {
    const names = text.split(",").map((name) => name.trim());
    const unknown = names.filter((name) => !known.includes(name));
    if (unknown.length === 0) return names;
    throw new InvalidArgumentError(`'${unknown.join(", ")}' isn't one of: ${known.join(", ")}.`);
  };
}
