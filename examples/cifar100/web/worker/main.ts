/** The Web Worker's entry: browser in, `Engine` out. */
import { createGpu } from "wgrad";
import type { PageMessage, WorkerMessage } from "../protocol.ts";
import { Engine } from "./engine.ts";
import { requireWebGpu } from "./problems.ts";
import { openStorage } from "./storage.ts";
import { transferables } from "./transfer.ts";

/** Whether the site was built with a model: it lies beside this script. */
declare const HAS_PRETRAINED: boolean;
const pretrained = new URL("./pretrained.safetensors", import.meta.url);

/** Messages that come before the storage is open wait for it. */
const engine = openStorage().then(
  (storage) =>
    new Engine({
      ...storage,
      openGpu: async (options) => {
        requireWebGpu();
        return createGpu(options);
      },
      fetchPretrained: async () => {
        if (!HAS_PRETRAINED) return undefined;
        const response = await fetch(pretrained);
        if (!response.ok) throw new Error(`the pretrained model can't be loaded (${response.status})`);
        return new Uint8Array(await response.arrayBuffer());
      },
      post: (message: WorkerMessage) => self.postMessage(message, { transfer: transferables(message) }),
    }),
);

self.addEventListener("message", async ({ data }: MessageEvent<PageMessage>) => (await engine).hear(data));
await (await engine).open();
