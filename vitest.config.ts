/**
 * Tests run one after another in a single process: a GPU is one resource, software Vulkan already uses every core, and
 * several devices at once are what makes drivers fall over. `wgrad` is the source here, so a test reads as a user's code
 * does and needs no build.
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (file: string) => fileURLToPath(new URL(`./src/${file}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^wgrad$/, replacement: source("index.ts") },
      { find: /^wgrad\/node$/, replacement: source("node.ts") },
      { find: /^wgrad\/testing$/, replacement: source("testing.ts") },
      { find: /^#host$/, replacement: source("gpu/host.node.ts") },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 1,
    fileParallelism: false,
    isolate: false,
    // A shader's first dispatch takes seconds on a CPU driver with a cold cache.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 10_000,
  },
});
