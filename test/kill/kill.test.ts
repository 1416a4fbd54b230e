/** The short form of `npm run test:kill`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Command } from "../support/command.ts";
import { filesIn, type Kill, outcomeOf, trainKilled, trainWhole } from "./killed-run.ts";
import { randomFrom } from "./random.ts";

const folder = mkdtempSync(join(tmpdir(), "wgrad-kill-"));
const epochs = 8;
let command: Command;
beforeAll(async () => {
  command = await Command.build(fileURLToPath(new URL("../../", import.meta.url)));
});
afterAll(() => {
  command.remove();
  rmSync(folder, { recursive: true });
});

it("killed three times and resumed each time, a run ends with the bits of an uninterrupted one", async () => {
  const times = await trainWhole(command, folder, "whole", epochs);
  const kills: Kill[] = [];
  await trainKilled(command, folder, "killed", {
    epochs,
    kills: 3,
    times,
    random: randomFrom(5),
    onKill: (kill) => kills.push(kill),
  });
  expect(kills.length).toBeGreaterThanOrEqual(2);
  expect(await outcomeOf(folder, "killed", epochs)).toEqual(await outcomeOf(folder, "whole", epochs));
  expect(filesIn(join(folder, "killed")).sort()).toEqual(filesIn(join(folder, "whole")).sort());
});
