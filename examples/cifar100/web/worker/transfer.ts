/** Which buffers of an answer move to the page instead of being copied. */
import type { WorkerMessage } from "../protocol.ts";

export function transferables(message: WorkerMessage): ArrayBuffer[] {
  if (message.type !== "answer" || typeof message.value !== "object" || message.value === null) return [];
  const { value } = message;
  const parts = Array.isArray(value) ? value : [value];
  return parts.flatMap((part) =>
    Object.values(part).flatMap((field) => (isOwnBuffer(field) ? [field.buffer] : [])),
  );
}

/** An array that is all of its buffer. */
function isOwnBuffer(value: unknown): value is ArrayBufferView<ArrayBuffer> {
  return (
    ArrayBuffer.isView(value) &&
    value.buffer instanceof ArrayBuffer &&
    value.byteLength === value.buffer.byteLength
  );
}
