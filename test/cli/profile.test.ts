/** `--profile`: where a step's time and memory go, and its trace. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { complaint, tinyRun, withoutCache } from "../support/command.ts";
import { commandInFolder } from "../support/command-in-folder.ts";

const { folder, command } = await commandInFolder("profile");
const cifar100 = (...args: string[]) => command.run(args, { cwd: folder, env: withoutCache(folder) });

it("prints the tables of a step, writes its trace, and trains on", async () => {
  const { status, stdout } = await cifar100(...tinyRun, "-e", "2", "--profile", "trace.json");
  expect(status).toBe(0);
  expect(stdout).toMatch(/^\d+ launches on .* take [\d.]+ ms one by one, by /m);
  for (const heading of ["module", "kernel", "memory at the peak"])
    expect(stdout).toMatch(new RegExp(`^${heading} {2,}`, "m"));
  expect(stdout).toMatch(/The step's trace is in .*trace\.json/);
  const { traceEvents } = JSON.parse(readFileSync(join(folder, "trace.json"), "utf8"));
  expect(traceEvents.map(({ name }: { readonly name: string }) => name)).toContain("stage1.0.conv");
  expect(JSON.parse(readFileSync(join(folder, "result/log"), "utf8"))).toHaveLength(2);
});

it("of a run that is too short is said to be missing", async () => {
  const { status, stdout } = await cifar100(...tinyRun, "-e", "1", "-o", "short", "--profile", "short.json");
  expect(status).toBe(0);
  expect(stdout).toContain("\nNo profile was taken: it's of the fourth step, and this run had fewer.\n");
  expect(existsSync(join(folder, "short.json"))).toBe(false);
});

it("isn't for an evaluation", async () => {
  const outcome = await cifar100("--evaluate", "model.safetensors", "--profile", "trace.json");
  expect(outcome.status).toBe(2);
  expect(complaint(outcome)).toMatchInlineSnapshot(`
    [
      "cifar100: --profile measures a training step and --evaluate doesn't train; give one of them",
    ]
  `);
});
