/**
 * The adapters of this machine, which WebGPU itself doesn't list. Dawn's package for Node does, in the error for an adapter
 * that doesn't exist; it also opens one by name.
 */

/** An adapter as Dawn names it. */
export interface AdapterName {
  /** "llvmpipe (LLVM 15.0.6, 256 bits)", "Apple M1 Max". */
  readonly name: string;
  /** "vulkan", "metal", "d3d12" ... */
  readonly backend: string;
}

/** No adapter is called so. */
const nobody = "?";

/**
 * The adapters that `createGpu({ adapter })` can be asked for; one that is too old for WebGPU is among them.
 * @throws Error that names the package when `webgpu` isn't installed
 */
export async function listAdapters(): Promise<AdapterName[]> {
  const { create } = await loadDawn();
  try {
    await create([`adapter=${nobody}`]).requestAdapter();
  } catch (error) {
    return parseAdapters(error instanceof Error ? error.message : String(error));
  }
  return [];
}

/** What is used of the package. Its own declarations would bring `@webgpu/types` to users, which clash with TypeScript's. */
export interface Dawn {
  create(options: string[]): GPU;
}

/** @throws Error that names the package when `webgpu` isn't installed */
export async function loadDawn(): Promise<Dawn> {
  try {
    return await import("webgpu");
  } catch (cause) {
    throw new Error(
      "[createGpu] the package 'webgpu' (WebGPU for Node) can't be loaded; run 'npm install webgpu'",
      { cause },
    );
  }
}

/** The names in Dawn's error message. */
export function parseAdapters(message: string): AdapterName[] {
  return [...message.matchAll(/backend: '([^']*)', name: '(.*)'$/gm)].map(([, backend = "", name = ""]) => ({
    backend,
    name,
  }));
}

/** "NAME (BACKEND)": what a wanted name is looked for in. */
export function formatAdapter({ name, backend }: AdapterName): string {
  return `${name} (${backend})`;
}

/**
 * The adapter that a part of "NAME (BACKEND)", in upper or lower case, stands for.
 * @returns what is wrong, naming the adapters, where there is none or not one only
 */
export function chooseAdapter(adapters: readonly AdapterName[], wanted: string): AdapterName | string {
  const part = wanted.toLowerCase();
  const exact = adapters.filter((adapter) => [adapter.name, formatAdapter(adapter)].includes(wanted));
  const fitting =
    exact.length > 0
      ? exact
      : adapters.filter((adapter) => formatAdapter(adapter).toLowerCase().includes(part));
  const names = (some: readonly AdapterName[]) =>
    some.map((adapter) => `'${formatAdapter(adapter)}'`).join(", ");
  const [first] = fitting;
  if (!first) {
    const there = adapters.length === 0 ? "there is none at all" : `there are ${names(adapters)}`;
    return `no adapter's name holds '${wanted}'; ${there}`;
  }
  // One card that several backends offer: the first is the platform's own.
  if (fitting.every(({ name }) => name === first.name)) return first;
  return `'${wanted}' fits ${names(fitting)}; give more of the name`;
}
