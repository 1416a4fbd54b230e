/**
 * `npm run test:kill [-- --kills N --seed S]`: a run that is killed N times (20) and resumed each time ends with the bits of one
 * that wasn't. Exit status 0 if so, 1 if not.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { Command } from "../support/command.ts";
import { outcomeOf, trainKilled, trainWhole } from "./killed-run.ts";
import { randomFrom } from "./random.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "20" },
    seed: { type: "string", default: String(Date.now() % 10_000) },
  },
});
const epochs = 40;
const kills = Number(values.kills);
const folder = mkdtempSync(join(tmpdir(), "wgrad-kill-"));
const command = await Command.build(process.cwd());
console.log(`${kills} kills, seed ${values.seed}`);
try {
  const times = await trainWhole(command, folder, "whole", epochs);
  let count = 0;
  const killed = await trainKilled(command, folder, "killed", {
    epochs,
    kills,
    times,
    random: randomFrom(Number(values.seed)),
    onKill: ({ moment, epochs }) =>
      console.log(
        `killed ${String(++count).padStart(2)}: ${moment}, ${epochs} epochs logged; all files whole`,
      ),
  });
  if (killed < kills)
    console.log(`The run was done after ${killed} kills; try another seed for all ${kills}.`);
  const same = isDeepStrictEqual(
    await outcomeOf(folder, "killed", epochs),
    await outcomeOf(folder, "whole", epochs),
  );
  console.log(
    same
      ? "Same bits: parameters, optimiser, random streams and log (but for times) equal the uninterrupted run's."
      : "DIFFERENT: the killed run didn't end where the uninterrupted one did.",
  );
  process.exitCode = same ? 0 : 1;
} finally {
  command.remove();
  rmSync(folder, { recursive: true });
}
