/**
 * Any picture as the 32 x 32 pixels that the models know: the square in its middle, each pixel the mean of the area it stands for. A
 * browser's own scaling skips pixels of large pictures in some engines; so it does the first part only, the rest is added up here.
 */

export const side = 32;
/** Pixels of the larger square that is averaged. */
const mostSide = 1024;

/** @returns 3072 bytes, RGB. @throws DOMException where the file is no picture */
export async function pictureOf(file: Blob): Promise<Uint8Array<ArrayBuffer>> {
  const bitmap = await createImageBitmap(file);
  const { left, top, size } = middleSquare(bitmap.width, bitmap.height);
  const target = Math.min(mostSide, Math.max(side, size));
  const canvas = document.createElement("canvas");
  canvas.width = target;
  canvas.height = target;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("this browser has no canvas");
  context.fillStyle = "#fff"; // behind what is transparent
  context.fillRect(0, 0, target, target);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, left, top, size, size, 0, 0, target, target);
  bitmap.close();
  return averaged(context.getImageData(0, 0, target, target).data, target);
}

/** The largest square in the middle. */
export function middleSquare(width: number, height: number): { left: number; top: number; size: number } {
  const size = Math.min(width, height);
  return { left: Math.floor((width - size) / 2), top: Math.floor((height - size) / 2), size };
}

/** Means over areas, whose borders may cut pixels. @param rgba `size` x `size` @returns RGB, 32 x 32 */
export function averaged(rgba: Uint8ClampedArray, size: number): Uint8Array<ArrayBuffer> {
  const step = size / side;
  const rows = averagedRows(rgba, size, step);
  const out = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side * 3; x++) {
      let sum = 0;
      for (const [row, weight] of covered(y, step)) sum += weight * (rows[row * side * 3 + x] ?? 0);
      out[y * side * 3 + x] = Math.round(sum / step);
    }
  }
  return out;
}

/** Along the rows: `size` rows of 32 pixels. */
function averagedRows(rgba: Uint8ClampedArray, size: number, step: number): Float32Array {
  const rows = new Float32Array(size * side * 3);
  for (let x = 0; x < side; x++) {
    const parts = covered(x, step);
    for (let y = 0; y < size; y++) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (const [column, weight] of parts) sum += weight * (rgba[(y * size + column) * 4 + channel] ?? 0);
        rows[(y * side + x) * 3 + channel] = sum / step;
      }
    }
  }
  return rows;
}

/** Which pixels lie in the `k`th interval of length `step`, and how much of each. */
function covered(k: number, step: number): (readonly [number, number])[] {
  const [from, to] = [k * step, (k + 1) * step];
  const parts: (readonly [number, number])[] = [];
  for (let pixel = Math.floor(from); pixel < to - 1e-9; pixel++) {
    parts.push([pixel, Math.min(pixel + 1, to) - Math.max(pixel, from)]);
  }
  return parts;
}
