/**
 * Orders a bundle's modules by folder. gzip looks 32 kB back: where kernels lie beside kernels and ops beside ops, instead of each
 * where it's first imported, the library for browsers is 1 kB (2%) smaller.
 */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { build } from "esbuild";

/**
 * Every entry first imports the modules of the first one in order. Dependencies still come before what needs them, and all of the
 * first entry is in one chunk.
 * @param {string} root
 * @param {readonly [string, ...string[]]} entries relative to `root`
 * @returns {Promise<import("esbuild").Plugin>}
 */
export async function orderedModules(root, entries) {
  const options = /** @type {const} */ ({ bundle: true, write: false, metafile: true, format: "esm" });
  const { metafile } = await build({
    ...options,
    absWorkingDir: root,
    entryPoints: [entries[0]],
    platform: "browser",
  });
  const modules = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs));
  const others = modules
    .filter((file) => file !== entries[0])
    .sort((a, b) => (dirname(a) < dirname(b) ? -1 : dirname(a) > dirname(b) ? 1 : 0));
  const imports = others.map((file) => `import "ordered:${file}";`).join("");
  return {
    name: "ordered-modules",
    setup({ onLoad, onResolve }) {
      const paths = entries.map((entry) => join(root, entry));
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
