/**
 * Lets bundlers leave out what a program doesn't use. A kernel is a constant made by a call, and a bundler keeps a call whose result nobody
 * wants unless it's told that nothing else comes of it. In this library nothing does: whatever a module computes for a constant at its top is
 * marked as pure. It's wrapped in a function for that, since a mark on the call alone doesn't hold for templates and spreads among its arguments.
 */
import { basename, dirname, join, relative, sep } from "node:path";

/** What may have effects, as far as a bundler knows. */
const effects = new Set([
  "CallExpression",
  "MemberExpression",
  "NewExpression",
  "SpreadElement",
  "TaggedTemplateExpression",
]);
const functions = new Set(["ArrowFunctionExpression", "FunctionExpression"]);

/**
 * Marks the constants at the top of a module.
 * @param {import("magic-string").default} code
 * @param {unknown} program its syntax tree
 */
export function markPure(code, program) {
  const { body } = /** @type {{ body: Statement[] }} */ (program);
  for (const statement of body) {
    const { type, declarations = [] } = statement.declaration ?? statement;
    if (type !== "VariableDeclaration") continue;
    for (const { id, init } of declarations) {
      if (id.type !== "Identifier" || !init || !mayHaveEffects(init)) continue;
      code.appendLeft(init.start, "/* @__PURE__ */ (() => (").appendRight(init.end, "))()");
    }
  }
}

/**
 * @typedef {{ type: string, start: number, end: number }} Node
 * @typedef {{ type: string, declarations?: { id: Node, init: Node | null }[] }} Declaration
 * @typedef {Declaration & { declaration?: Declaration | null }} Statement
 */

/**
 * Whether evaluating an expression may do more than give a value.
 * @param {unknown} node
 * @returns {boolean}
 */
function mayHaveEffects(node) {
  if (typeof node !== "object" || node === null) return false;
  const { type = "", expressions = [] } = /** @type {{ type?: string, expressions?: unknown[] }} */ (node);
  if (functions.has(type)) return false;
  if (effects.has(type) || (type === "TemplateLiteral" && expressions.length > 0)) return true;
  return Object.values(node).some(mayHaveEffects);
}

/**
 * Keeps `export * as NAME from` what it is: a file of its own, that a bundler sees through or leaves out. Bundled into its
 * importer it would be an object with all of the namespace's exports.
 * @param {string} root
 * @param {Readonly<Record<string, string>>} files what each namespace's module, relative to `root`, is imported as
 * @returns {import("esbuild").Plugin}
 */
export function separateNamespaces(root, files) {
  return {
    name: "separate-namespaces",
    setup({ onResolve }) {
      onResolve({ filter: /^\.\.?\// }, ({ path, importer, kind }) => {
        if (basename(importer) !== "index.ts") return undefined; // others import from the module itself
        const file =
          files[
            relative(root, join(dirname(importer), path))
              .split(sep)
              .join("/")
          ];
        return file && kind === "import-statement" ? { path: file, external: true } : undefined;
      });
    },
  };
}
