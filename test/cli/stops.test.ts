/** How a run ends that is told to stop: by Ctrl-C, by a supervisor that signals the whole group, by a terminal that is closed. */
import { spawn, spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type CommandOptions, complaint, tinyRun } from "../support/command.ts";
import { commandInFolder } from "../support/command-in-folder.ts";

const { folder, command } = await commandInFolder("stops");

/** A long run that is stopped after its first epoch. @param preload what runs before it */
function stopped(out: string, stop: (kill: (signal: NodeJS.Signals) => void) => void, preload = "") {
  const file = join(folder, `${out}.mjs`);
  writeFileSync(file, preload);
  let isStopped = false;
  const options: CommandOptions = {
    cwd: folder,
    env: { NODE_OPTIONS: `--import ${new URL(`file://${file}`)}` },
    onOutput: (child, stdout) => {
      if (isStopped || !/1 {11}/.test(stdout)) return; // the table's first row
      isStopped = true;
      stop((signal) => child.kill(signal));
    },
  };
  return command.run([...tinyRun, "-e", "9999", "-o", out], options);
}
const snapshots = (out: string) => readdirSync(join(folder, out)).filter((name) => name.endsWith(".wgrad"));

it.each([
  ["SIGTERM", 143],
  ["SIGHUP", 129],
  ["SIGINT", 130],
] as const)(
  "%s that comes twice at a time, from npm and to the group, saves a snapshot",
  async (signal, status) => {
    const outcome = await stopped(signal, (kill) => {
      kill(signal);
      setTimeout(() => kill(signal), 20);
    });
    expect([outcome.status, complaint(outcome)]).toEqual([status, []]);
    expect(snapshots(signal)).toContainEqual(expect.stringMatching(/^snapshot_iter_\d+\.wgrad$/));
  },
);

it("a second Ctrl-C quits at once", async () => {
  // Saving takes for ever.
  const preload = `
    import { open } from "node:fs/promises";
    const handle = await open("/dev/null", "r");
    const files = Object.getPrototypeOf(handle);
    await handle.close();
    const { writeFile } = files;
    let snapshots = 0; // they begin with a w
    files.writeFile = function (content) {
      return content[0] === 0x77 && ++snapshots > 1 ? new Promise(() => setInterval(() => {}, 1000)) : writeFile.call(this, content);
    };`;
  const outcome = await stopped(
    "twice",
    (kill) => {
      kill("SIGINT");
      setTimeout(() => kill("SIGINT"), 2000);
    },
    preload,
  );
  expect(outcome.status).toBe(130);
  expect(snapshots("twice")).toEqual(["snapshot_epoch_1.wgrad"]);
});

it("a terminal gets its cursor back, and the table where standard error is a file", async () => {
  const preload = "process.stdout.isTTY = true; process.stdout.columns = 80;";
  const outcome = await stopped("terminal", (kill) => kill("SIGINT"), preload);
  expect([outcome.status, complaint(outcome)]).toEqual([130, []]);
  const [hidden, shown] = ["\u001b[?25l", "\u001b[?25h"].map((code) => outcome.stdout.lastIndexOf(code));
  expect(hidden).toBeGreaterThan(0);
  expect(shown).toBeGreaterThan(hidden ?? 0);
});

const hasPython = spawnSync("python3", ["-c", "import pty"]).status === 0;

it.runIf(hasPython)(
  "a terminal that is closed stops the run by its signal, with a snapshot and no core dump",
  async () => {
    const program = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
text = b""
while b"1           " not in text: text += os.read(terminal, 4096)
os.close(terminal)
print(os.waitpid(pid, 0)[1])`;
    const args = [command.bundle, ...tinyRun, "-e", "9999", "-o", "closed"];
    const python = spawn("python3", ["-c", program, process.execPath, ...args], {
      cwd: folder,
      env: { ...process.env, INIT_CWD: folder },
      stdio: ["ignore", "pipe", "ignore"],
    });
    let status = "";
    for await (const text of python.stdout) status += text;
    expect(status.trim()).toBe(String(constants.signals.SIGHUP));
    expect(snapshots("closed")).toContainEqual(expect.stringMatching(/^snapshot_iter_\d+\.wgrad$/));
  },
);
