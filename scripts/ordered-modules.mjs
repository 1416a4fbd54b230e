/**
 * Orders a bundle's modules by folder. gzip looks 32 kB back: where kernels lie beside kernels and ops beside ops, instead of each
 * where it's first imported, the library for browsers is 1 kB (2%) smaller. What is loaded on demand imports them too, though it needs
 * few: else esbuild would make a chunk of those, and one of what any two such files share, and gzip sees one chunk at a time.
 */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { build } from "esbuild";

/**
 * Every entry, and every file that the first one loads on demand, first imports the modules of the first entry in order. Dependencies
 * still come before what needs them, and all that the first entry loads at once is in one chunk.
 * @param {string} root
 * @param {readonly [string, ...string[]]} entries relative to `root`
 * @returns {Promise<import("esbuild").Plugin>}
 */
export async function orderedModules(root, entries) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entries[0]],
    outdir: "dist", // nothing is written
    write: false,
    bundle: true,
    splitting: true,
    metafile: true,
    format: "esm",
    platform: "browser",
  });
  const modules = loadedAtOnce(metafile, entries[0]).flatMap(({ inputs }) => Object.keys(inputs));
  const others = modules
    .filter((file) => !entries.includes(file) && !loadsOnDemand(metafile, file))
    .sort((a, b) => (dirname(a) < dirname(b) ? -1 : dirname(a) > dirname(b) ? 1 : 0));
  const onDemand = Object.values(metafile.outputs).flatMap(({ entryPoint = entries[0] }) => entryPoint);
  const imports = others.map((file) => `import "ordered:${file}";`).join("");
  return {
    name: "ordered-modules",
    setup({ onLoad, onResolve }) {
      const paths = [...entries, ...onDemand].map((file) => join(root, file));
      // An import for side effects alone counts only where there are some.
      onResolve({ filter: /^ordered:/ }, (file) => ({
        path: join(root, file.path.replace("ordered:", "")),
        sideEffects: true,
      }));
      onLoad({ filter: /\.ts$/ }, async ({ path }) =>
        paths.includes(path)
          ? { contents: `${imports}${await readFile(path, "utf8")}`, loader: "ts" }
          : undefined,
      );
    },
  };
}

/**
 * Whether a module loads others on demand. It stays beside the entries that need it: bundlers keep all that a file may load, and what that
 * needs, even where nobody calls for it.
 * @param {import("esbuild").Metafile} metafile
 * @param {string} file
 */
function loadsOnDemand({ inputs }, file) {
  return inputs[file]?.imports.some(({ kind }) => kind === "dynamic-import");
}

/**
 * The outputs that come with an entry, not those that it loads on demand.
 * @param {import("esbuild").Metafile} metafile
 * @param {string} entry
 */
function loadedAtOnce({ outputs }, entry) {
  const found = new Set(Object.keys(outputs).filter((file) => outputs[file]?.entryPoint === entry));
  for (const file of found) {
    for (const { path, kind } of outputs[file]?.imports ?? [])
      if (kind === "import-statement") found.add(path);
  }
  return [...found].flatMap((file) => outputs[file] ?? []);
}
