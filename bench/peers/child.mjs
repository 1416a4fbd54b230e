/**
 * The line protocol of a peer: a JSON request a line on standard input, a JSON answer a line on standard output.
 *
 *     { do: "open" }                                 -> { versions, device }
 *     { do: "prepare", work, inputs, folder }        -> { outputs }; arrays are f32 files, [N, H, W, C] and [Co, Kh, Kw, Ci];
 *                                                      or { missing }: why the peer has no such work
 *     { do: "time", repeats, throttled }             -> { ms } for one repeat
 *
 * pytorch.py speaks the same. A failure is answered with { error }.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { create, globals } from "webgpu";

/** Makes Node look enough like a browser for libraries that ask for `navigator.gpu`. The caller keeps the result alive. */
export function provideWebGpu() {
  Object.assign(globalThis, globals);
  const gpu = create(["enable-dawn-features=allow_unsafe_apis"]);
  Object.defineProperty(globalThis, "navigator", {
    value: { gpu, userAgent: "node", platform: "node", hardwareConcurrency: 2 },
    configurable: true,
  });
  throttleWaits();
  noteErrors();
  return gpu;
}

let gpuError;

/** WebGPU skips work that is invalid, which makes it look fast: the first error is the answer to the request under way. */
function noteErrors() {
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await requestDevice.apply(this, args);
    device.addEventListener("uncapturederror", ({ error }) => {
      gpuError ??= error.message;
    });
    return device;
  };
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));
let throttled = false;
let waiting = 0;
let ticking = false;

function tick() {
  ticking = waiting > 0;
  if (!ticking) return;
  if (throttled) Atomics.wait(sleeper, 0, 0, 1);
  setImmediate(tick);
}

/** While throttled, waits sleep a millisecond in each turn of the event loop, as wgrad's own do: Dawn polls a whole core otherwise. */
function throttleWaits() {
  for (const [type, name] of [
    [GPUBuffer, "mapAsync"],
    [GPUQueue, "onSubmittedWorkDone"],
  ]) {
    const original = type.prototype[name];
    type.prototype[name] = function (...args) {
      const done = original.apply(this, args);
      if (!throttled) return done;
      waiting += 1;
      if (!ticking) {
        ticking = true;
        setImmediate(tick);
      }
      return done.finally(() => {
        waiting -= 1;
      });
    };
  }
}

/**
 * Answers requests until the input ends.
 * @param {() => Promise<{ versions: object, device: string }>} open
 * @param {(work: object, inputs: Record<string, { shape: number[], data: Float32Array }>) => Promise<{
 *   outputs: Record<string, Float32Array>, run: () => void, wait: () => Promise<unknown> } | { missing: string }>} prepare makes the
 *   work and runs it once, or says why it can't
 */
export async function serve(open, prepare) {
  let prepared;
  const requests = {
    open,
    async prepare({ work, inputs, folder }) {
      const arrays = Object.entries(inputs).map(([name, { shape, file }]) => [
        name,
        { shape, data: new Float32Array(Uint8Array.from(readFileSync(file)).buffer) },
      ]);
      prepared = await prepare(work, Object.fromEntries(arrays));
      if (prepared.missing) return { missing: prepared.missing };
      const outputs = Object.entries(prepared.outputs).map(([name, data], index) => {
        const file = `${folder}/output-${index}.f32`;
        writeFileSync(file, data);
        return [name, file];
      });
      return { outputs: Object.fromEntries(outputs) };
    },
    async time({ repeats, throttled: wanted }) {
      throttled = wanted;
      const start = performance.now();
      for (let k = 0; k < repeats; k++) prepared.run();
      await prepared.wait();
      const ms = (performance.now() - start) / repeats;
      await new Promise(setImmediate); // errors arrive as events
      return { ms };
    },
  };
  // Libraries print to the console; standard output is the protocol's.
  console.log = console.info = console.warn = console.error;
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    let answer;
    try {
      gpuError = undefined;
      answer = await requests[request.do](request);
      if (gpuError) throw new Error(gpuError);
    } catch (error) {
      answer = { error: String(error?.message ?? error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
}
