/** One matmul, then five seconds of rest: prints the CPU time that they cost. */
import { createGpu, matmul } from "wgrad";

const gpu = await createGpu();
const product = matmul(gpu.tensor([1, 2], [1, 2]), gpu.tensor([3, 4], [2, 1]));
const [value] = await product.data();
const before = process.cpuUsage();
await new Promise((resolve) => setTimeout(resolve, 5_000));
const { user, system } = process.cpuUsage(before);
gpu.destroy();
console.log(JSON.stringify({ product: value, cpuSeconds: (user + system) / 1e6 }));
