/**
 * Builds dist/: ES modules for Node and for browsers, and declarations.
 *
 * All entries of one platform are built together with code splitting, so they share one copy of every module: a Tensor
 * from `wgrad` is a Tensor to `wgrad/testing`. `#host` is the one import that differs between platforms (the "imports" of
 * package.json); bundling resolves it, so dist/ needs nothing but itself and, in Node, the package `webgpu`. What browsers load over the
 * network is made smaller: kernels without comments and indentation, modules in an order that gzip likes.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { root } from "./setup/packages.mjs";
import { fail } from "./setup/report.mjs";
import { setup } from "./setup.mjs";

try {
  setup({ adapter: false });
} catch (error) {
  fail(error);
}

const dist = join(root, "dist");
rmSync(dist, { recursive: true, force: true });

const { build } = await import("esbuild");
const { orderedModules } = await import("./ordered-modules.mjs");
const { separateNamespaces } = await import("./shakeable.mjs");
const { strippedWgsl } = await import("./strip-wgsl.mjs");
const common = /** @type {const} */ ({
  absWorkingDir: root,
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  sourcemap: true,
  packages: "external",
  logLevel: "info",
});
const node = { "index.node": "src/index.ts", "testing.node": "src/testing.ts", node: "src/node.ts" };
const browser = { "index.browser": "src/index.ts", "testing.browser": "src/testing.ts" };
// What `export * as` gives a name, and its file in dist/.
const namespaces = {
  "src/custom.ts": "custom.browser",
  "src/data/index.ts": "data.browser",
  "src/nn/index.ts": "nn.browser",
  "src/nn/optim/index.ts": "optim.browser",
  "src/train/index.ts": "train.browser",
  "src/nn/init.ts": "init.browser",
};
const namespaceFiles = Object.entries(namespaces).map(([source, file]) => [source, `./${file}.js`]);
const namespaceEntries = Object.entries(namespaces).map(([source, file]) => [file, source]);
const ordered = orderedModules(root, ["src/index.ts", "src/testing.ts", ...Object.keys(namespaces)]);
await Promise.all([
  build({ ...common, platform: "node", entryPoints: node, chunkNames: "chunks/node-[hash]" }),
  ordered.then((plugin) =>
    build({
      ...common,
      platform: "browser",
      entryPoints: { ...browser, ...Object.fromEntries(namespaceEntries) },
      chunkNames: "chunks/browser-[hash]",
      plugins: [separateNamespaces(root, Object.fromEntries(namespaceFiles)), plugin, strippedWgsl],
    }),
  ),
]).catch(() => process.exit(1)); // esbuild has printed what is wrong, and where

// What require() gets where Node can't load ES modules with it.
const advice =
  'wgrad is an ES module, which this version of Node loads by import only: const wgrad = await import("wgrad")';
writeFileSync(join(dist, "require.cjs"), `throw new Error(${JSON.stringify(advice)});\n`);

const tsc = join(root, "node_modules/typescript/bin/tsc");
const types = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], {
  cwd: root,
  stdio: "inherit",
});
if (types.status !== 0) process.exit(1);

// A declaration can't mean a different file in each place: both hosts have the same types.
for (const name of readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) =>
  file.endsWith(".d.ts"),
)) {
  const file = join(dist, name);
  const text = readFileSync(file, "utf8");
  const host = relative(dirname(file), join(dist, "gpu/host.browser.ts")).split(sep).join("/");
  const resolved = text.replaceAll('"#host"', `"${host.startsWith(".") ? host : `./${host}`}"`);
  if (resolved !== text) writeFileSync(file, resolved);
}
