/** What the benchmarks' commands have in common. */
import { InvalidArgumentError } from "commander";
import type { Gpu } from "wgrad";

/** The adapter, for people. */
export function nameOf({ info: { description, vendor, architecture } }: Gpu): string {
  return description || `${vendor} ${architecture}`;
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
  if (value > 0) return value;
  throw new InvalidArgumentError("It must be a positive number, or a list of them where several are taken.");
}
