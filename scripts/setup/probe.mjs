/**
 * Prints as JSON which WebGPU adapter Dawn finds. It's a process of its own, since a driver that doesn't suit Dawn can
 * take its process down or never answer, and since Dawn sees a driver installed meanwhile only from a new process.
 */
try {
  const { create } = await import("webgpu");
  const gpu = create([]);
  const adapter = await gpu.requestAdapter();
  const device = await adapter?.requestDevice();
  const { vendor, architecture, device: name, description } = adapter?.info ?? {};
  console.log(JSON.stringify({ adapter: device ? { vendor, architecture, name, description } : null }));
  device?.destroy();
} catch (error) {
  console.log(JSON.stringify({ error: String(error instanceof Error ? error.message : error) }));
}
process.exit();
