/**
 * Strips the WGSL in a source file of what a GPU doesn't read: comments, indentation, spaces around punctuation and operators.
 *
 * It changes the text of templates tagged `wgsl`, and of templates nested in their substitutions; the program around them stays as
 * it is. Newlines stay, so that a compile error still shows a line, not a kernel.
 */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import MagicString from "magic-string";
import { parseAst } from "rolldown/parseAst";
import { markPure } from "./shakeable.mjs";

/** Between two of one kind a space may be needed: words would become one, and so would operators (`- -`, `> =`). */
const word = /\w/;
const operator = /[-+*/%&|^<>=!~:@.]/;
const punctuation = /[(){}[\],;]/;

/**
 * Strips the literal pieces of a template. What's substituted isn't known: a space next to it goes only where punctuation stands on
 * this side.
 * @param {readonly string[]} pieces
 * @throws {Error} where a comment isn't closed in its piece: the text that's substituted would be part of it
 */
export function stripPieces(pieces) {
  return pieces.map((piece) => {
    const text = piece.replaceAll(/\/\*.*?\*\//gs, " ").replaceAll(/\/\/.*\n/g, "\n");
    if (/\/[/*]/.test(text))
      throw new Error(`a comment in WGSL ends outside its piece of the template: ${piece}`);
    return text.replaceAll(/\s+/g, (space, /** @type {number} */ at) => {
      const [before = "", after = ""] = [text[at - 1], text[at + space.length]];
      if (space.includes("\n")) return "\n";
      const needed =
        (word.test(before) && word.test(after)) || (operator.test(before) && operator.test(after));
      const atBorder = before === "" || after === "";
      return needed || (atBorder && !punctuation.test(before + after)) ? " " : "";
    });
  });
}

/**
 * The source of a TypeScript file with its WGSL stripped, and the map to what it was.
 * @param {string} source
 * @param {string} file its path
 * @returns {{ code: string, map: import("magic-string").SourceMap } | undefined} nothing where there is no WGSL
 */
export function stripWgsl(source, file) {
  if (!source.includes("wgsl`")) return undefined;
  return edited(source, file, [stripTemplates]);
}

/**
 * Strips the WGSL in a file.
 * @param {MagicString} code
 * @param {unknown} program its syntax tree
 */
function stripTemplates(code, program) {
  for (const quasis of templates(program)) {
    // The parser counts what delimits a piece as part of it: ` or } before it, ` or ${ after it.
    const ranges = quasis.map(({ start, end, tail }) => ({ start: start + 1, end: end - (tail ? 1 : 2) }));
    const pieces = stripPieces(ranges.map(({ start, end }) => code.original.slice(start, end)));
    ranges.forEach(({ start, end }, k) => {
      if (end > start) code.update(start, end, pieces[k] ?? "");
    });
  }
}

/**
 * @param {string} source
 * @param {string} file its path
 * @param {readonly ((code: MagicString, program: unknown) => void)[]} edits
 */
function edited(source, file, edits) {
  const code = new MagicString(source);
  const program = parseAst(source, { lang: "ts" });
  for (const edit of edits) edit(code, program);
  const map = code.generateMap({ source: basename(file), includeContent: true, hires: true });
  return { code: code.toString(), map };
}

/** @typedef {{ start: number, end: number, tail: boolean }} Piece */

/**
 * The pieces of each template of WGSL below a node.
 * @param {unknown} node
 * @param {boolean} [inWgsl]
 * @returns {Piece[][]}
 */
function templates(node, inWgsl = false) {
  if (typeof node !== "object" || node === null) return [];
  const { type, tag, quasis } = /** @type {{ type?: string, tag?: { name?: string }, quasis?: Piece[] }} */ (
    node
  );
  const inside = inWgsl || (type === "TaggedTemplateExpression" && tag?.name === "wgsl");
  const own = inside && type === "TemplateLiteral" && quasis ? [quasis] : [];
  return [...own, ...Object.values(node).flatMap((child) => templates(child, inside))];
}

/**
 * The library's sources as browsers get them: WGSL stripped, constants marked as pure (see `shakeable.mjs`).
 * @type {import("esbuild").Plugin}
 */
export const strippedWgsl = {
  name: "stripped-wgsl",
  setup(build) {
    build.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path }) => {
      const { code, map } = edited(await readFile(path, "utf8"), path, [stripTemplates, markPure]);
      return { contents: `${code}\n//# sourceMappingURL=${map.toUrl()}`, loader: "ts" };
    });
  },
};
