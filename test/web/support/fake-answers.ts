/** What the fake worker says of a GPU. */
import type {
  AdapterInfo,
  BenchResult,
  BenchRow,
  Problem,
  Profile,
} from "../../../examples/cifar100/web/protocol.ts";

export const adapter: AdapterInfo = {
  ...{ name: "llvmpipe (LLVM 15.0.6, 256 bits)", isSoftware: true, subgroupSize: 8, timestamps: false },
};

export const noWebGpu: Problem = {
  kind: "no-webgpu",
  message: "This browser can't compute on the GPU.",
  advice: "Use a current Chrome, Edge, Safari or Firefox.",
};

export const noAdapter: Problem = {
  kind: "no-adapter",
  message: "The browser found no GPU that it can use.",
  advice: "Turn on hardware acceleration in the browser's settings, and update the graphics driver.",
};

export const lost: Problem = {
  kind: "device-lost",
  message: "The browser lost the GPU at step 374; the snapshot of step 312 is kept.",
  advice: "Open the GPU again, then resume the run.",
};

export const wrongFile: Problem = {
  kind: "wrong-file",
  message: "'holiday.zip' is neither an archive of CIFAR-100 nor one of its .bin files.",
  advice: "Choose cifar-100-binary.tar.gz, or train.bin and test.bin together.",
};

export const profile: Profile = {
  method: "waiting",
  batch: 64,
  kernels: [
    { kernel: "conv2d_weight_grad_winograd", launches: 13, ms: 62.1 },
    { kernel: "conv2d_forward_winograd", launches: 13, ms: 44.8 },
    { kernel: "conv2d_input_grad_winograd", launches: 12, ms: 40.2 },
    { kernel: "batch_norm_relu_dropout_backward", launches: 13, ms: 9.7 },
    { kernel: "batch_norm_relu_dropout_forward", launches: 13, ms: 6.3 },
    { kernel: "max_pool_forward", launches: 5, ms: 1.2 },
    { kernel: "sgd_step", launches: 1, ms: 0.6 },
  ],
  modules: [
    { path: "stage1", launches: 20, ms: 80 },
    { path: "head", launches: 6, ms: 3 },
  ],
};

const peaks = { gflops: 180, gigabytesPerSecond: 14 };

function row(name: string, family: string, intensity: number, share: number): BenchRow {
  const roof = Math.min(peaks.gflops, intensity * peaks.gigabytesPerSecond);
  const gflops = roof * share;
  const gigabytesPerSecond = gflops / intensity;
  return {
    name,
    family,
    ms: 500 / gflops,
    spread: 0.02,
    gflops,
    gigabytesPerSecond,
    intensity,
    percentOfRoof: 100 * share,
  };
}

export const benchResult: BenchResult = {
  version: 1,
  date: "2026-11-25T22:00:00.000Z",
  browser: "Chromium",
  adapter,
  peaks,
  rows: [
    row("gemm 512x512x512", "gemm", 85, 0.7),
    row("gemm 128x100x512", "gemm", 21, 0.44),
    row("conv2d forward 64->64 at 32x32", "conv2d forward", 72, 0.81),
    row("conv2d forward 3->64 at 32x32", "conv2d forward", 6.4, 0.6),
    row("conv2d input grad 64->64 at 32x32", "conv2d input grad", 72, 0.77),
    row("conv2d weight grad 64->64 at 32x32", "conv2d weight grad", 72, 0.6),
    row("batch norm forward [64, 32, 32, 64]", "batch norm", 0.6, 0.9),
    row("batch norm backward [64, 32, 32, 64]", "batch norm", 0.4, 0.8),
    row("max-pool forward [64, 32, 32, 64]", "max-pool", 0.3, 0.7),
    row("relu forward [64, 32, 32, 64]", "relu", 0.125, 0.95),
  ],
};
