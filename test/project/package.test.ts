/**
 * What users get is the packed tarball, not this checkout: it's installed into an empty folder, then imported, type-checked
 * and bundled for browsers there.
 */
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, expect, test } from "vitest";
import { output } from "../support/output.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const user = mkdtempSync(join(tmpdir(), "wgrad-user-"));
const node = (...args: string[]) =>
  execFileSync(process.execPath, args, { cwd: user, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const npm = (cwd: string, ...args: string[]) => {
  const script = process.env.npm_execpath;
  return script
    ? execFileSync(process.execPath, [script, ...args], { cwd, stdio: "pipe" })
    : execFileSync("npm", args, { cwd, stdio: "pipe", shell: true });
};

beforeAll(() => {
  execFileSync(process.execPath, [join(root, "scripts/build.mjs")], { cwd: root, stdio: "pipe" });
  npm(root, "pack", "--silent", "--pack-destination", user);
  const tarball = readdirSync(user).find((file) => file.endsWith(".tgz")) ?? "";
  writeFileSync(join(user, "package.json"), JSON.stringify({ private: true, type: "module" }));
  npm(
    user,
    "install",
    "--silent",
    "--offline",
    "--no-audit",
    "--no-fund",
    "--omit=peer",
    "--legacy-peer-deps",
    join(user, tarball),
  );
  // Packages that the user has beside it, borrowed from this checkout so that the test needs no network.
  for (const name of ["webgpu", "debug", "ms", "@types/node", "undici-types"]) {
    mkdirSync(dirname(join(user, "node_modules", name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(user, "node_modules", name), "junction");
  }
});
afterAll(() => rmSync(user, { recursive: true, force: true }));

test("holds what it needs and nothing else", () => {
  const installed = join(user, "node_modules/wgrad");
  expect(readdirSync(installed).sort()).toEqual(["LICENSE", "README.md", "dist", "package.json"]);
  const { dependencies } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  expect(dependencies).toBeUndefined();
});

test("multiplies two matrices in Node; its entries share one Tensor", () => {
  writeFileSync(
    join(user, "multiply.js"),
    `import { createGpu, matmul, Tensor } from "wgrad";
     import * as files from "wgrad/node";
     import * as testing from "wgrad/testing";
     const gpu = await createGpu();
     const a = gpu.tensor(new Float32Array([1, 2, 3, 4, 5, 6]), [2, 3]);
     const b = gpu.tensor(new Float32Array([1, 0, 0, 1, 1, 1]), [3, 2]);
     const c = matmul(a, b);
     console.log(JSON.stringify([[...(await c.data())], c.shape, c instanceof Tensor]));
     console.log(typeof files, typeof testing.gradcheck);
     gpu.destroy();`,
  );
  expect(node("multiply.js").trim().split("\n")).toEqual(["[[4,5,10,11],[2,2],true]", "object function"]);
});

test("trains in Node", () => {
  writeFileSync(
    join(user, "train.js"),
    `import { createGpu, nn, optim, softmaxCrossEntropy } from "wgrad";
     const gpu = await createGpu();
     const model = nn.vgg(gpu, { classes: 10, width: 1 / 16, dropout: false, seed: 1 });
     const optimizer = optim.sgd(model.parameters(), { lr: 0.02, momentum: 0.9 });
     const images = gpu.tensor(Float32Array.from({ length: 8 * 3072 }, (_, k) => Math.sin(k * k)), [8, 32, 32, 3]);
     const labels = Int32Array.from({ length: 8 }, (_, k) => k);
     const losses = [];
     for (let step = 0; step < 12; step++) {
       const loss = softmaxCrossEntropy(model.forward(images, { training: true }), labels);
       loss.backward();
       optimizer.step();
       losses.push(await loss.item());
     }
     console.log(losses.at(-1) < losses[0] / 2);
     gpu.destroy();`,
  );
  expect(node("train.js").trim()).toBe("true");
});

test("tells CommonJS how to import it where Node can't require it", () => {
  writeFileSync(
    join(user, "require.cjs"),
    `for (const entry of ["wgrad", "wgrad/node", "wgrad/testing"])
       try { console.log(typeof require(entry)); } catch (error) { console.log(error.message); }`,
  );
  const flags = "require_module" in process.features ? ["--no-experimental-require-module"] : [];
  const printed = (...args: string[]) =>
    new Set(
      node(...args, "require.cjs")
        .trim()
        .split("\n"),
    );
  expect(printed(...flags)).toEqual(
    new Set([
      'wgrad is an ES module, which this version of Node loads by import only: const wgrad = await import("wgrad")',
    ]),
  );
  if (flags.length > 0) expect(printed()).toEqual(new Set(["object"]));
});

test("its declarations check under strict settings", () => {
  writeFileSync(
    join(user, "model.ts"),
    `import { createGpu, matmul, nn, optim, softmaxCrossEntropy, type Tensor } from "wgrad";
     const gpu = await createGpu();
     const x: Tensor = gpu.tensor(new Float32Array(6), [2, 3], { requiresGrad: true });
     const loss = softmaxCrossEntropy(matmul(x, x, { transposeB: true }), new Int32Array(2));
     loss.backward();
     const value: number = await loss.item();
     const model = nn.vgg(gpu, { classes: 10, width: 0.25, dropout: true, seed: 0 });
     const optimizer = optim.sgd(model.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 5e-4 });
     optimizer.lr = value;
     // @ts-expect-error a shape is a list of numbers
     gpu.tensor(new Float32Array(6), "2x3");`,
  );
  writeFileSync(
    join(user, "files.ts"),
    `import { createGpu, data } from "wgrad";
     import { loadCifar100, listAdapters } from "wgrad/node";
     import { gradcheck } from "wgrad/testing";
     const set: data.DataSet = await data.cifar100(await createGpu(), await loadCifar100("data"));
     console.log(set, await listAdapters(), gradcheck);`,
  );
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
    target: "es2022",
  };
  const checks = [
    { module: "esnext", moduleResolution: "bundler", types: [], files: ["model.ts"] }, // the types of WebGPU are TypeScript's own
    { module: "nodenext", types: ["node"], files: ["model.ts", "files.ts"] },
  ];
  for (const { files, ...options } of checks) {
    const config = { compilerOptions: { ...compilerOptions, ...options }, files };
    writeFileSync(join(user, "tsconfig.json"), JSON.stringify(config));
    const check = () => node(join(root, "node_modules/typescript/bin/tsc"), "--pretty", "false");
    expect(output(check)).toBe("");
  }
});

/** What a browser loads for a program, minified: files at once and on demand, and the sources of each. */
async function bundle(contents: string) {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: user, sourcefile: "program.js" },
    bundle: true,
    splitting: true,
    minify: true,
    write: false,
    metafile: true,
    absWorkingDir: user,
    outdir: "bundle",
    sourcemap: "external",
    format: "esm",
    platform: "browser",
  });
  const text = (file: string) => outputFiles.find(({ path }) => path === join(user, file))?.text ?? "";
  const isCode = (file: string) => file.endsWith(".js");
  const atOnce = new Set(
    Object.keys(metafile.outputs).filter((file) => /program|stdin/.test(file) && isCode(file)),
  );
  for (const file of atOnce) {
    for (const { kind, path } of metafile.outputs[file]?.imports ?? [])
      if (kind === "import-statement") atOnce.add(path);
  }
  const files = (wanted: boolean) =>
    Object.keys(metafile.outputs).filter((file) => isCode(file) && atOnce.has(file) === wanted);
  const all = [...files(true), ...files(false)];
  const codes = Object.fromEntries(all.map((file) => [file, text(file)]));
  const sources = Object.fromEntries(
    all.map((file): [string, string[]] => [file, JSON.parse(text(`${file}.map`)).sources]),
  );
  return { codes, sources, atOnce: files(true), onDemand: files(false) };
}

const nodeTraces = /node:|\brequire\(|process\.|from"webgpu"|import\("webgpu"\)/;

test("bundles for browsers without a trace of Node, and loads", async () => {
  const { codes, atOnce } = await bundle(`export * from "wgrad"; export * as testing from "wgrad/testing";`);
  mkdirSync(join(user, "bundle"), { recursive: true });
  for (const [file, code] of Object.entries(codes)) {
    expect(code).not.toMatch(nodeTraces);
    writeFileSync(join(user, file), code);
  }
  // Modules in another order than in the sources: each must still find what it needs.
  writeFileSync(join(user, "load.js"), `console.log(Object.keys(await import("./${atOnce[0]}")).join());`);
  writeFileSync(join(user, "names.js"), `console.log(Object.keys(await import("wgrad")).join());`);
  const names = node("names.js").trim().split(",");
  expect(node("load.js").trim().split(",").sort()).toEqual([...names, "testing"].sort());
});

/** What comes on demand, by a source of each file. */
const demands = {
  "Winograd's algorithm": "conv2d/winograd/launch.ts",
  "software Vulkan": "kernels/gemm/subgroup.ts",
  "first dispatches in software": "gpu/first-dispatch.ts",
  "reading CIFAR's files": "data/cifar-source.ts",
  "training and evaluation": "train/training-run.ts",
  "PyTorch's state dictionaries": "nn/pytorch-state.ts",
  "the profiler": "tensor/profile/profiler.ts",
  "Chainer's files": "nn/chainer-npz.ts",
};

/** Of which a GPU needs this at once, too. */
const onGpus = "Winograd's algorithm";

test("takes a browser with a GPU less than 82.2 kB gzipped with every export, without references and cases", async () => {
  const { codes, sources, atOnce, onDemand } = await bundle(`export * from "wgrad";`);
  const sourcesAtOnce = atOnce.flatMap((file) => sources[file] ?? []);
  expect(sourcesAtOnce.filter((file) => file.endsWith("kernels/relu.ts"))).toHaveLength(1);
  expect(sourcesAtOnce.filter((file) => /\.(reference|cases)\.ts$|src\/testing/.test(file))).toEqual([]);
  const zipped = (files: string[]) =>
    files.reduce((sum, file) => sum + gzipSync(codes[file] ?? "").length, 0);
  const now = zipped(atOnce);
  const later = Object.entries(demands).map(([what, source]) => {
    const files = onDemand.filter((file) => sources[file]?.some((path) => path.endsWith(source)));
    expect(files, what).toHaveLength(1);
    return [what, zipped(files)] as const;
  });
  const sizes = later.map(([what, size]) => `${kilobytes(size)} for ${what}`);
  console.log(`wgrad for browsers: ${kilobytes(now)} gzipped, and ${sizes.join(", ")}`);
  expect(now).toBeLessThan(77_500);
  expect(now + (new Map<string, number>(later).get(onGpus) ?? Number.NaN)).toBeLessThan(82_200);
  expect(onDemand).toHaveLength(later.length);
});

/** What a browser with a GPU loads at once for a program, gzipped, as Vite's bundler makes it. */
async function zippedByRolldown(program: string): Promise<number> {
  const input = join(user, "program.js");
  writeFileSync(input, program);
  const bundling = await rolldown({ input, platform: "browser", logLevel: "silent" });
  const { output } = await bundling.generate({ format: "esm", minify: true });
  const chunks = output.filter((file) => file.type === "chunk");
  const atOnce = new Set(chunks.filter(({ isEntry }) => isEntry));
  for (const { imports } of atOnce)
    for (const chunk of chunks) if (imports.includes(chunk.fileName)) atOnce.add(chunk);
  for (const chunk of chunks) if (chunk.code.includes("conv2d_winograd")) atOnce.add(chunk);
  return [...atOnce].reduce((sum, { code }) => sum + gzipSync(code).length, 0);
}

/** The same as esbuild makes it, in one file. */
async function zippedByEsbuild(contents: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: user, sourcefile: "program.js" },
    bundle: true,
    minify: true,
    write: false,
    outdir: "bundle",
    format: "esm",
    platform: "browser",
  });
  return gzipSync(outputFiles[0]?.contents ?? "").length;
}

test.each([
  ["esbuild", zippedByEsbuild],
  ["Vite's bundler", zippedByRolldown],
])(
  "leaves out what isn't used: matmul alone is less than a third of the whole, by %s",
  async (name, zipped) => {
    const whole = await zipped(`export * from "wgrad";`);
    const matmul = await zipped(`export { matmul } from "wgrad";`);
    console.log(`matmul alone, by ${name}: ${kilobytes(matmul)} gzipped of ${kilobytes(whole)}`);
    expect(matmul).toBeLessThan(whole / 3);
    // It's there, and not shaken out as well.
    expect(matmul).toBeGreaterThan(2000);
  },
);

test("takes a program that trains VGG less than 60 kB gzipped", async () => {
  const size = await zippedByRolldown(
    `import { createGpu, data, nn, optim, train } from "wgrad";
     const gpu = await createGpu();
     const set = { train: data.fromArrays(gpu, globalThis.images), test: data.fromArrays(gpu, globalThis.images) };
     const model = nn.vgg(gpu, { classes: 10 });
     await train.fit(model, optim.sgd(model.parameters(), { lr: 0.1 }), set, { epochs: 1 });`,
  );
  console.log(`a program that trains VGG: ${kilobytes(size)} gzipped at once`);
  expect(size).toBeLessThan(60_000);
});

const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
