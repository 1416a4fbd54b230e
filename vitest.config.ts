/**
 * Tests run one after another in a single process: a GPU is one resource, software Vulkan already uses every core, and
 * several devices at once are what makes drivers fall over. `wgrad` is the source here, so a test reads as a user's code
 * does and needs no build.
 *
 * Two projects run them on two implementations of WebGPU with different compilers, subgroup sizes and limits: Node on the
 * adapter that Dawn finds, and, where there is a Chromium, the browser on SwiftShader.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { findChromium } from "./scripts/setup/chromium.mjs";
import { stripWgsl } from "./scripts/strip-wgsl.mjs";

const root = fileURLToPath(new URL("./", import.meta.url));
const chromium = findChromium();

const alias = (host: string) => [
  { find: /^wgrad$/, replacement: join(root, "src/index.ts") },
  { find: /^wgrad\/node$/, replacement: join(root, "src/node.ts") },
  { find: /^wgrad\/testing$/, replacement: join(root, "src/testing.ts") },
  { find: /^#host$/, replacement: join(root, `src/gpu/host.${host}.ts`) },
];

const oneAfterAnother = {
  maxWorkers: 1,
  fileParallelism: false,
  isolate: false,
  // A shader's first dispatch takes seconds on a CPU driver with a cold cache.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  teardownTimeout: 10_000,
};

const node: TestProjectInlineConfiguration = {
  resolve: { alias: alias("node") },
  test: {
    ...oneAfterAnother,
    name: "node",
    include: ["test/**/*.test.ts"],
    pool: "forks",
    execArgv: ["--expose-gc"],
  },
};

const browser = (executablePath: string): TestProjectInlineConfiguration => ({
  resolve: { alias: alias("browser") },
  // As in dist/, so that what browsers get is what's tested in one.
  plugins: [
    {
      name: "stripped-wgsl",
      enforce: "pre",
      transform: (source, file) => (/[\\/]src[\\/].*\.ts$/.test(file) ? stripWgsl(source, file) : undefined),
    },
  ],
  test: {
    ...oneAfterAnother,
    name: "swiftshader",
    include: browserSuites(),
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      instances: [{ browser: "chromium" }],
      provider: playwright({
        launchOptions: {
          executablePath,
          args: [
            "--enable-unsafe-webgpu",
            "--use-webgpu-adapter=swiftshader",
            "--disable-gpu-watchdog", // it would end the GPU's process when a shader takes long to compile
            "--js-flags=--expose-gc",
            "--disable-quic",
            "--disable-component-update",
            "--disable-sync",
          ],
        },
      }),
    },
  },
});

/** The suites of kernels, ops, autograd and layers that don't import Node's modules. Says which are left out. */
function browserSuites(): string[] {
  const all = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => file.endsWith(".test.ts"))
    .sort();
  const folders = ["kernels", "ops", "tensor", "nn"];
  const candidates = all.filter((file) => folders.includes(dirname(file)));
  const excluded = candidates.filter((file) => usesNode(join(root, "test", file)));
  const others = [...new Set(all.map((file) => dirname(file)))].filter((folder) => !folders.includes(folder));
  console.log(`Only in Node: ${others.join(", ")} (files, processes, whole trainings, Dawn's error texts)`);
  if (excluded.length > 0) console.log(`Only in Node: ${excluded.join(", ")} (import modules of Node)`);
  return candidates.filter((file) => !excluded.includes(file)).map((file) => `test/${file}`);
}

function usesNode(file: string): boolean {
  const imports = readFileSync(file, "utf8").matchAll(/^(?:import|export)\s(?:[^;"]*?\sfrom\s+)?"([^"]+)"/gm);
  return [...imports].some(([, name = ""]) =>
    name.startsWith("./") || name.startsWith("../support/")
      ? usesNode(join(dirname(file), name))
      : name.startsWith("node:") || name === "wgrad/node",
  );
}

export default defineConfig({
  test: { projects: chromium ? [node, browser(chromium)] : [node] },
});
