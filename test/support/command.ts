/** The `cifar100` command, or another one, as a bundle that child processes run, as `npm run cifar100` does after its set-up. */
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";

/** Bundles a file of the checkout for Node, as `scripts/run.mjs` does. */
export async function bundleForNode(root: string, entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [join(root, entry)],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    absWorkingDir: root,
    alias: { "wgrad/node": "./src/node.ts", "wgrad/testing": "./src/testing.ts", wgrad: "./src/index.ts" },
    logLevel: "error",
  });
}

/** Options of a run that takes a second. */
export const tinyRun = [
  ...["--dataset", "synthetic", "--width", "0.0625", "--train-limit", "48", "--test-limit", "20", "-b", "16"],
];

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Where the user is. */
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Called with the child and all that it has printed, each time that it prints. */
  readonly onOutput?: (child: ChildProcess, stdout: string) => void;
}

export class Command {
  readonly bundle: string;

  private constructor(bundle: string) {
    this.bundle = bundle;
  }

  /** @param root the checkout @param entry the command's file */
  static async build(root: string, entry = "examples/cifar100/main.ts"): Promise<Command> {
    // Inside the checkout, so that the packages outside the bundle are found.
    const bundle = join(root, `node_modules/.cache/wgrad/command-${process.pid}-${Date.now()}.mjs`);
    await bundleForNode(root, entry, bundle);
    return new Command(bundle);
  }

  start(
    args: readonly string[],
    { cwd, env = {} }: CommandOptions,
    stdio: SpawnOptions["stdio"],
  ): ChildProcess {
    return spawn(process.execPath, [this.bundle, ...args], {
      cwd,
      env: { ...process.env, INIT_CWD: cwd, ...env },
      stdio,
    });
  }

  run(args: readonly string[], options: CommandOptions): Promise<Outcome> {
    const child = this.start(args, options, ["ignore", "pipe", "pipe"]);
    let stdout = "";
    let stderr = "";
    child.stdout?.on("data", (bytes) => {
      stdout += bytes;
      options.onOutput?.(child, stdout);
    });
    child.stderr?.on("data", (bytes) => {
      stderr += bytes;
    });
    return new Promise((resolve) => child.on("close", (status) => resolve({ status, stdout, stderr })));
  }

  remove(): void {
    rmSync(this.bundle, { force: true });
  }
}

/** The environment of a user whose cache folder is empty; Mesa's own cache stays, since compiling takes longer than these runs. */
export function withoutCache(folder: string): NodeJS.ProcessEnv {
  const { MESA_SHADER_CACHE_DIR, XDG_CACHE_HOME } = process.env;
  return {
    HOME: folder,
    LOCALAPPDATA: folder,
    XDG_CACHE_HOME: join(folder, "cache"),
    MESA_SHADER_CACHE_DIR: MESA_SHADER_CACHE_DIR ?? XDG_CACHE_HOME ?? join(homedir(), ".cache"),
  };
}

/** What a failure printed, without Dawn's own warnings. */
export function complaint({ stderr }: Outcome): string[] {
  return stderr.split("\n").filter((line) => line !== "" && !line.startsWith("Warning: max"));
}
