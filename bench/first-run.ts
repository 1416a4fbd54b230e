/**
 * How long `npm run cifar100` takes until its first step is finished, with a driver cache that is empty and one that isn't, phase
 * by phase: `node scripts/run.mjs bench/first-run.ts [options of cifar100]`. npm itself isn't in it (0.2 s). Mesa's drivers only:
 * others keep their cache where they like.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { Console } from "../examples/cifar100/console.ts";
import { parseOptions } from "../examples/cifar100/options.ts";
import { trainRun } from "../examples/cifar100/session.ts";

interface Mark {
  readonly phase: string;
  /** Milliseconds since the command was given, and of processor time of all threads of the process that trains. */
  readonly at: number;
  readonly cpu: number;
}

/** Notes when a run gets where it has something to say, and stops it after the first step. */
class Watch extends Console {
  readonly marks: Mark[] = [];
  readonly stop = new AbortController();
  readonly #began: number;

  constructor(began: number) {
    super();
    this.#began = began;
    this.#mark("set-up, bundle, Node");
  }

  override line(text: string): void {
    if (text.startsWith("Adapter")) this.#mark("adapter and device");
  }

  override compiling(done: number, total: number): void {
    if (done === 0) this.#mark("data and model");
    if (done === total) this.#mark(`${total} kernels`);
  }

  override progress(): undefined {
    this.stop.abort();
  }

  /** The first call comes when the run has waited for its last step. */
  override end(): void {
    this.#mark("first step");
  }

  #mark(phase: string): void {
    if (this.marks.some((mark) => mark.phase === phase)) return;
    const { user, system } = process.cpuUsage();
    this.marks.push({ phase, at: Date.now() - this.#began, cpu: (user + system) / 1000 });
  }
}

const began = process.env.FIRST_RUN_BEGAN;
if (began === undefined) compare();
else await train(Number(began));

async function train(start: number): Promise<void> {
  const watch = new Watch(start);
  const options = parseOptions(process.argv.slice(2));
  if (!options) return;
  await trainRun(options, watch.stop.signal, watch);
  console.log(JSON.stringify(watch.marks));
}

function compare(): void {
  const folder = mkdtempSync(join(tmpdir(), "wgrad-first-run-"));
  try {
    const [cold, warm] = [run(folder), run(folder)];
    console.log(`${availableParallelism()} cores, load average ${loadavg()[0]?.toFixed(1)}\n`);
    console.log("| phase | cold ms | CPU ms | warm ms | CPU ms |\n|---|---|---|---|---|");
    cold.forEach(({ phase }, index) => {
      console.log(`| ${[phase, ...since(cold, index), ...since(warm, index)].join(" | ")} |`);
    });
    const total = [cold, warm].flatMap((marks) => [marks.at(-1)?.at, Math.round(marks.at(-1)?.cpu ?? 0)]);
    console.log(`| ${["**until the first step is finished**", ...total].join(" | ")} |`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function since(marks: readonly Mark[], index: number): number[] {
  const [before, mark] = [marks[index - 1], marks[index]];
  return [(mark?.at ?? 0) - (before?.at ?? 0), Math.round((mark?.cpu ?? 0) - (before?.cpu ?? 0))];
}

function run(folder: string): Mark[] {
  const env = {
    ...process.env,
    MESA_SHADER_CACHE_DIR: join(folder, "shaders"),
    FIRST_RUN_BEGAN: String(Date.now()),
  };
  const args = [
    "scripts/run.mjs",
    "bench/first-run.ts",
    ...process.argv.slice(2),
    "--out",
    join(folder, "run"),
  ];
  const { stdout, status } = spawnSync(process.execPath, args, {
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`the run failed with status ${status}`);
  const marks: Mark[] = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  return marks;
}
