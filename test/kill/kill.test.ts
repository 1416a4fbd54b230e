/** The short form of `npm run test:kill`. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { commandInFolder } from "../support/command-in-folder.ts";
import { filesIn, type Kill, outcomeOf, trainKilled, trainWhole } from "./killed-run.ts";
import { randomFrom } from "./random.ts";

const { folder, command } = await commandInFolder("kill");
const epochs = 8;

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
