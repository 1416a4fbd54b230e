/**
 * Compute pipelines, made once per distinct source.
 *
 * The key is the whole WGSL text, constants included, so an entry can't go stale. A pipeline that failed to compile is
 * reported with message, line and source, and is forgotten, so that a mended kernel of the same name starts afresh.
 */
import type { Errors, Outcome } from "./errors.ts";
import { shaderStageCompute } from "./flags.ts";
import { texelLayout } from "./texels.ts";

/** How a kernel uses a binding: `texels` are read too, `write` means that every element is overwritten, `update` that old values matter. */
export type Access = "read" | "texels" | "write" | "update";

/** A kernel as the driver sees it. */
export interface KernelSource {
  readonly label: string;
  readonly source: string;
  /** Access of each buffer, in order; with `uniform`, the parameters follow as the last binding. */
  readonly access: readonly Access[];
  readonly uniform: boolean;
}

export interface Pipeline {
  readonly raw: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly id: number;
  /** Whether it compiled, until that is known. */
  check?: Outcome | undefined;
}

export class PipelineCache {
  #pipelines = new Map<string, Pipeline>();
  #nextId = 1;
  readonly #device: GPUDevice;
  readonly #errors: Errors;

  constructor(device: GPUDevice, errors: Errors) {
    this.#device = device;
    this.#errors = errors;
  }

  get size(): number {
    return this.#pipelines.size;
  }

  has(kernel: KernelSource): boolean {
    return this.#pipelines.has(kernel.source);
  }

  /** The pipeline of a kernel, compiled now if it's new. A compile error is reported at the next wait. */
  get(kernel: KernelSource): Pipeline {
    const pipeline = this.#pipelines.get(kernel.source) ?? this.#compile(kernel);
    // The commands that use a pipeline that turns out to be invalid fail too, and sooner.
    if (pipeline.check) this.#errors.expect(pipeline.check, true);
    return pipeline;
  }

  #compile(kernel: KernelSource): Pipeline {
    this.#device.pushErrorScope("validation");
    const { module, layout, descriptor } = this.#describe(kernel);
    const pipeline = this.#store(kernel, this.#device.createComputePipeline(descriptor), layout);
    const error = this.#device.popErrorScope().catch(() => null); // a lost device has none
    pipeline.check = error.then((error) => {
      pipeline.check = undefined;
      if (!error) return undefined;
      this.#pipelines.delete(kernel.source);
      return explain(kernel, module, error.message);
    });
    return pipeline;
  }

  /** Compiles a kernel without blocking; several run in parallel where the driver can. @throws Error with message, line and source */
  async prepare(kernel: KernelSource): Promise<Pipeline> {
    const known = this.#pipelines.get(kernel.source);
    if (known) return known;
    this.#device.pushErrorScope("validation");
    const { module, layout, descriptor } = this.#describe(kernel);
    const scope = this.#device.popErrorScope();
    try {
      const raw = await this.#device.createComputePipelineAsync(descriptor);
      return this.#store(kernel, raw, layout);
    } catch (error) {
      const message = (await scope)?.message ?? (error instanceof Error ? error.message : String(error));
      throw new Error(await explain(kernel, module, message), { cause: error });
    } finally {
      await scope;
    }
  }

  #store(kernel: KernelSource, raw: GPUComputePipeline, layout: GPUBindGroupLayout): Pipeline {
    const pipeline: Pipeline = { raw, layout, id: this.#nextId++ };
    this.#pipelines.set(kernel.source, pipeline);
    return pipeline;
  }

  #describe({ label, source, access, uniform }: KernelSource) {
    const module = this.#device.createShaderModule({ label, code: source });
    const bindings: Binding[] = access.map(bindingOf);
    if (uniform) bindings.push({ buffer: { type: "uniform" } });
    const layout = this.#device.createBindGroupLayout({
      label,
      entries: bindings.map((kind, binding) => ({ binding, visibility: shaderStageCompute, ...kind })),
    });
    const descriptor: GPUComputePipelineDescriptor = {
      label,
      layout: this.#device.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main" },
    };
    return { module, layout, descriptor };
  }
}

type Binding = Pick<GPUBindGroupLayoutEntry, "buffer" | "storageTexture">;

function bindingOf(access: Access): Binding {
  if (access === "texels") return { storageTexture: texelLayout };
  return { buffer: { type: access === "read" ? "read-only-storage" : "storage" } };
}

/** A compile error with the lines of WGSL that it's about. */
async function explain(kernel: KernelSource, module: GPUShaderModule, fallback: string): Promise<string> {
  const lines = kernel.source.split("\n");
  const { messages } = await module.getCompilationInfo();
  const errors = messages.filter((message) => message.type === "error");
  const details = errors.map(({ message, lineNum, linePos }) => {
    const from = Math.max(0, lineNum - 3);
    const excerpt = lines
      .slice(from, lineNum + 2)
      .map((line, k) => `${String(from + k + 1).padStart(5)} | ${line}`);
    return `line ${lineNum}:${linePos}: ${message}\n${excerpt.join("\n")}`;
  });
  return `[${kernel.label}] the kernel doesn't compile: ${details.length > 0 ? details.join("\n") : fallback}`;
}
