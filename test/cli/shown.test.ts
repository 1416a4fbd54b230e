/** Paths as users type them, and words as a shell takes them. */
import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { quoted } from "../../examples/cifar100/shown.ts";

it("a shell reads a quoted word as it was", () => {
  const words = ["result", "stopped here", "a$HOME`id`", 'say "no"!', "it's $5", "über\\weg", "*", ""];
  const shell = (command: string) => execFileSync("sh", ["-c", command], { encoding: "utf8" });
  if (process.platform !== "win32")
    expect(words.map((word) => shell(`printf %s ${quoted(word)}`))).toEqual(words);
  expect(words.slice(0, 2).map(quoted)).toEqual(["result", '"stopped here"']);
});
