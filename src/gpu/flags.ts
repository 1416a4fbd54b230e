/** The values of WebGPU's flag enums, fixed by the specification. Node has no globals `GPUBufferUsage` and `GPUMapMode`. */
export const BufferUsage = {
  mapRead: 0x0001,
  copySource: 0x0004,
  copyDestination: 0x0008,
  uniform: 0x0040,
  storage: 0x0080,
} as const;

export const TextureUsage = {
  copyDestination: 0x02,
  storage: 0x08,
} as const;

export const mapModeRead = 0x0001;
export const shaderStageCompute = 0x4;
