/** A command and an empty folder to run it in, both gone after the tests of a file. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { Command } from "./command.ts";

/** @param name of the folder @param entry the command's file; `cifar100` by default */
export async function commandInFolder(name: string, entry?: string) {
  const folder = mkdtempSync(join(tmpdir(), `wgrad-${name}-`));
  const command = await Command.build(fileURLToPath(new URL("../../", import.meta.url)), entry);
  afterAll(() => {
    command.remove();
    rmSync(folder, { recursive: true });
  });
  return { folder, command };
}
