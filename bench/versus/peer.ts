/** A peer in a process of its own, spoken to in JSON lines (bench/peers/child.mjs): a crash ends the peer, not the run. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Inputs } from "./inputs.ts";
import type { Work } from "./work.ts";

export const peerNames = ["pytorch", "pytorch-cuda", "jax-js", "tfjs"] as const;
export type PeerName = (typeof peerNames)[number];

type Answer = Readonly<Record<string, unknown>>;

export interface VggMemory {
  /** The process above what it took before the model. */
  readonly residentBytes: number;
  /** Tensors alive between two ops. */
  readonly tensorBytes: number;
}

/** Why a peer has no part in a work. */
export class MissingError extends Error {}

export class Peer {
  readonly name: PeerName;
  readonly #child: ChildProcess;
  readonly #folder = mkdtempSync(join(tmpdir(), "wgrad-peer-"));
  readonly #answers: AsyncIterator<string>;
  #lastWords = "";

  constructor(name: PeerName, command: string, args: readonly string[]) {
    this.name = name;
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.on("error", () => {}); // the missing answer says it
    this.#child.stdin?.on("error", () => {});
    this.#child.stderr?.on("data", (text) => {
      this.#lastWords = `${this.#lastWords}${text}`.slice(-600);
    });
    if (!this.#child.stdout) throw new Error(`${name} has no standard output`);
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Versions and device, as one text. */
  async open(): Promise<string> {
    const { versions, device } = await this.#ask({ do: "open" }, 120);
    const list = Object.entries(versions ?? {}).map(([name, version]) => `${name} ${version}`);
    return `${list.join(", ")} on ${device}`;
  }

  /** Runs the work once. @returns its results @throws MissingError if this peer doesn't do that work */
  async prepare(work: Work, inputs: Inputs): Promise<Record<string, Float32Array<ArrayBuffer>>> {
    const described = Object.entries(inputs).map(([name, { shape, data }], k) => {
      const file = join(this.#folder, `input-${k}.f32`);
      writeFileSync(file, data);
      return [name, { shape, file }];
    });
    const request = { do: "prepare", work, inputs: Object.fromEntries(described), folder: this.#folder };
    const { outputs, missing } = await this.#ask(request, 900);
    if (typeof missing === "string") throw new MissingError(missing);
    const files = Object.entries(outputs ?? {}).map(([name, file]) => [
      name,
      new Float32Array(Uint8Array.from(readFileSync(String(file))).buffer),
    ]);
    return Object.fromEntries(files);
  }

  /** Milliseconds a run. */
  async time(repeats: number, throttled: boolean): Promise<number> {
    const { ms } = await this.#ask({ do: "time", repeats, throttled }, 300);
    return Number(ms);
  }

  /** What training steps of VGG take at most. Only PyTorch answers. */
  async vggMemory(images: readonly number[], parameters: readonly (readonly number[])[]): Promise<VggMemory> {
    const answer = await this.#ask({ do: "vgg-memory", images, parameters }, 300);
    return { residentBytes: Number(answer.residentBytes), tensorBytes: Number(answer.tensorBytes) };
  }

  /** Drivers and Dawn print to standard output, too: what isn't JSON is theirs. */
  async #nextAnswer(): Promise<IteratorResult<string>> {
    for (;;) {
      const line = await this.#answers.next();
      if (line.done || line.value.startsWith("{")) return line;
      this.#lastWords = `${this.#lastWords}\n${line.value}`.slice(-600);
    }
  }

  close(): void {
    this.#child.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** @throws Error if the peer answers with an error, ends, or takes longer than `seconds` */
  async #ask(request: object, seconds: number): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#child.kill("SIGKILL");
        reject(new Error(`${this.name} didn't answer within ${seconds} s`));
      }, seconds * 1000);
    });
    try {
      const { value, done } = await Promise.race([this.#nextAnswer(), timeout]);
      if (done) throw new Error(`${this.name} ended: ${this.#lastWords.trim().split("\n").at(-1) ?? ""}`);
      const answer = JSON.parse(value) as Answer;
      if (typeof answer.error === "string") throw new Error(answer.error);
      return answer;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Starts a peer. @returns why not, where it isn't to be had */
export function startPeer(name: PeerName): Peer | string {
  const folder = "bench/peers";
  if (name !== "pytorch" && name !== "pytorch-cuda") {
    const problem = installPeers(folder);
    return problem ?? new Peer(name, process.execPath, [join(folder, `${name}.mjs`)]);
  }
  const device = name === "pytorch" ? "cpu" : "cuda";
  const test = device === "cpu" ? "import torch" : "import torch; assert torch.cuda.is_available()";
  const python = ["/usr/bin/python3", "python3"].find(
    (command) => spawnSync(command, ["-c", test]).status === 0,
  );
  if (!python)
    return device === "cpu"
      ? "no python3 with torch (on Debian: apt install python3-torch)"
      : "no python3 with a torch that sees a CUDA GPU";
  return new Peer(name, python, [join(folder, "pytorch.py"), device]);
}

/** Installs the peers' packages where they aren't as their lock file says. @returns why it failed */
function installPeers(folder: string): string | undefined {
  const wanted = readVersions(join(folder, "package-lock.json"));
  const present = readVersions(join(folder, "node_modules/.package-lock.json"));
  const isInstalled = Object.entries(wanted).every(
    ([path, version]) => path === "" || present[path] === version,
  );
  if (isInstalled) return undefined;
  console.error("bench: installing the peers' packages (npm ci)");
  const command = "npm ci --ignore-scripts --no-audit --no-fund --loglevel=error";
  const { status, stderr } = spawnSync(command, { cwd: folder, shell: true, encoding: "utf8" });
  return status === 0 ? undefined : `npm ci failed in ${folder}: ${stderr.trim().split("\n")[0] ?? ""}`;
}

function readVersions(file: string): Record<string, string | undefined> {
  if (!existsSync(file)) return {};
  const { packages } = JSON.parse(readFileSync(file, "utf8")) as {
    packages: Record<string, { version?: string }>;
  };
  return Object.fromEntries(Object.entries(packages).map(([path, { version }]) => [path, version]));
}
