/** Thrown for bytes that aren't a safetensors file, or tensors that can't be written as one. Names the tensor. */
export class SafetensorsError extends Error {
  override readonly name = "SafetensorsError";
}

export function refusal(message: string, options?: ErrorOptions): SafetensorsError {
  return new SafetensorsError(`[safetensors] ${message}`, options);
}
