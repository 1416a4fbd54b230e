/** What users can import says what it is: every export of every entry has a docstring, from which `npm run docs` makes the reference. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../src/", import.meta.url));
const read = (file: string) => readFileSync(join(root, file), "utf8");

interface Declared {
  readonly file: string;
  readonly name: string;
}

/** What a file exports, from wherever it's declared; a namespace counts as the file behind it, whose head is its docstring. */
function exportsOf(file: string): Declared[] {
  const text = read(file);
  const beside = (path: string) => join(dirname(file), path);
  const own = text.matchAll(
    /^export (?:abstract |async )*(?:function\*?|class|const|interface|type) (\w+)/gm,
  );
  const namespaces = text.matchAll(/^export \* as \w+ from "([^"]+)"/gm);
  const all = text.matchAll(/^export \* from "([^"]+)"/gm);
  const named = text.matchAll(/^export (?:type )?\{([^}]*)\} from "([^"]+)"/gm);
  return [
    ...[...own].map(([, name = ""]) => ({ file, name })),
    ...[...namespaces].flatMap(([, path = ""]) => [
      { file: beside(path), name: "" },
      ...exportsOf(beside(path)),
    ]),
    ...[...all].flatMap(([, path = ""]) => exportsOf(beside(path))),
    ...[...named].flatMap(([, names = "", path = ""]) =>
      names
        .split(",")
        .map((name) => name.trim().replace(/^type /, ""))
        .filter((name) => name !== "")
        .map((name) => ({ file: beside(path), name })),
    ),
  ];
}

/** Whether a comment stands right before the declaration, or for a file at its head. */
function isDocumented({ file, name }: Declared): boolean {
  const text = read(file);
  if (name === "") return text.startsWith("/**");
  const declaration = new RegExp(
    `^export (?:abstract |async )*(?:function\\*?|class|const|interface|type) ${name}\\b`,
    "m",
  );
  const found = declaration.exec(text);
  if (!found) throw new Error(`${file} doesn't declare ${name}`);
  return /\*\/\s*$/.test(text.slice(0, found.index));
}

test.each(["index.ts", "node.ts", "testing.ts"])("every export of %s has a docstring", (entry) => {
  const declared = exportsOf(entry);
  expect(declared.length).toBeGreaterThan(20);
  const missing = declared.filter((export_) => !isDocumented(export_));
  expect([...new Set(missing.map(({ file, name }) => `${file}: ${name}`))]).toEqual([]);
});
