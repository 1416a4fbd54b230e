/** A process that takes a lock when it's told to: `node holder.mjs PATH MILLISECONDS`. */
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { locked } from "../../src/data/node/lock.ts";

const [path = "", milliseconds = ""] = process.argv.slice(2);
const say = (text: string) => process.stdout.write(`${text}\n`);
say("ready");
await once(process.stdin, "data");
process.stdin.destroy();
await locked(
  path,
  async () => {
    say("held");
    await delay(Number(milliseconds));
  },
  () => new Error("refused"),
).catch((error) => say(error.message));
