/**
 * `npm run cifar100 -- [options]`: trains VGG on CIFAR-100 or CIFAR-10. Exit status 0 done, 1 failed, 2 wrong usage, 128 + signal if
 * stopped; a failure is one line that says what to do.
 */
import { constants } from "node:os";
import { isatty } from "node:tty";
import { FileWriteError, formatAdapter, listAdapters } from "wgrad/node";
import { Console } from "./console.ts";
import { evaluateRun } from "./evaluate.ts";
import { type Options, parseOptions, UsageError } from "./options.ts";
import { trainRun } from "./session.ts";

const stop = new AbortController();
let stopStatus = 1;
let stoppedAt = 0;
const screen = new Console();

// `timeout`, systemd and the like signal each process of a group, and npm and scripts/run.mjs pass the signal on: the second one says
// nothing new. Whoever presses Ctrl-C again takes longer.
const oneStop = 300; // ms
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (stop.signal.aborted) {
      if (stopStatus === 1) stopStatus = 128 + constants.signals[signal]; // a closed terminal is noticed in both ways
      if (signal === "SIGINT" && performance.now() - stoppedAt > oneStop) process.exit(stopStatus);
      return;
    }
    stopStatus = 128 + constants.signals[signal];
    stoppedAt = performance.now();
    screen.line("Stopping after this step to save a snapshot; Ctrl-C once more to quit at once.");
    stop.abort();
  });
}
// The reader of a pipe is gone, or the terminal: save, and end.
process.stdout.on("error", () => stop.abort());
process.stderr.on("error", () => {});
const hasTerminal = [0, 1, 2].some(isatty);
process.on("exit", () => {
  screen.end(); // a terminal gets its cursor back
  // Node would set one that's gone as it was before, and dump core.
  if (!hasTerminal || process.exitCode !== 128 + constants.signals.SIGHUP) return;
  process.removeAllListeners("SIGHUP");
  process.kill(process.pid, "SIGHUP");
});
process.on("uncaughtException", (error) => {
  report(error);
  process.exit();
});

try {
  const options = parseOptions(process.argv.slice(2));
  if (options) process.exitCode = await follow(options);
} catch (error) {
  report(error);
}

/** One line, and the exit status. A stop whose snapshot couldn't be saved is a failure. */
function report(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`cifar100: ${message.split("\n")[0]}\n`);
  const isUnsaved = [error, error instanceof Error && error.cause].some(
    (each) => each instanceof FileWriteError,
  );
  process.exitCode = error instanceof UsageError ? 2 : stop.signal.aborted && !isUnsaved ? stopStatus : 1;
}

async function follow(options: Options): Promise<number> {
  if (options.device === "list") {
    const adapters = await listAdapters();
    for (const adapter of adapters) process.stdout.write(`${formatAdapter(adapter)}\n`);
    return adapters.length > 0 ? 0 : 1;
  }
  if (options.evaluate === undefined) return (await trainRun(options, stop.signal, screen)) ? 0 : stopStatus;
  const { accuracy, plain } = await evaluateRun(options, stop.signal);
  const percent = (share: number) => (100 * share).toFixed(2);
  process.stdout.write(`${percent(accuracy)}\n`);
  if (plain !== undefined) process.stderr.write(`with test-time augmentation; ${percent(plain)} plain\n`);
  return 0;
}
