/** Images of the data set as PNGs in data URIs. */
import { PNG } from "pngjs";
import type { Picture, Sample } from "./run-data.ts";

/** The part of a set in the host's memory that pictures are taken from: bytes `[count, 32, 32, 3]`. */
export interface Images {
  readonly images: Uint8Array;
  readonly labels: ArrayLike<number>;
  readonly count: number;
}

const size = 32;
const rowBytes = 3 * size;
const imageBytes = size * rowBytes;
/** About 3 kB each in a page. */
const mostPictures = 200;
const mostOfOneClass = 10;

/** Images side by side. */
function pngOf({ images }: Images, chosen: readonly number[]): string {
  const png = new PNG({ width: size * chosen.length, height: size });
  const bytes = Buffer.alloc(imageBytes * chosen.length);
  for (const [column, image] of chosen.entries()) {
    for (let row = 0; row < size; row++) {
      const from = image * imageBytes + row * rowBytes;
      bytes.set(images.subarray(from, from + rowBytes), (row * chosen.length + column) * rowBytes);
    }
  }
  png.data = bytes;
  const file = PNG.sync.write(png, { colorType: 2, inputColorType: 2, inputHasAlpha: false });
  return `data:image/png;base64,${file.toString("base64")}`;
}

/** The first images of each class. */
export function sheetOf(set: Images, classes: number): Picture[] {
  const most = Math.max(1, Math.min(mostOfOneClass, Math.floor(mostPictures / classes)));
  const ofClass = Array.from({ length: classes }, (): number[] => []);
  for (let k = 0; k < set.count; k++) {
    const list = ofClass[set.labels[k] ?? -1];
    if (list && list.length < most) list.push(k);
  }
  return ofClass.map((list) => ({ count: list.length, source: list.length > 0 ? pngOf(set, list) : "" }));
}

/** What a model answered for each image: `Answers` of `wgrad/node`. */
export interface AnswerList {
  readonly classes: ArrayLike<number>;
  readonly confidences: ArrayLike<number>;
}

/** Right answers, evenly spread over the set, and the wrong ones that the model was surest of. */
export function samplesOf(
  set: Images,
  answers: AnswerList,
  most: number,
): { readonly right: Sample[]; readonly wrong: Sample[] } {
  const right: number[] = [];
  const wrong: number[] = [];
  for (let k = 0; k < set.count; k++) (answers.classes[k] === set.labels[k] ? right : wrong).push(k);
  const sureness = (image: number) => answers.confidences[image] || 0; // NaN sorts as 0
  wrong.sort((a, b) => sureness(b) - sureness(a) || a - b);
  const spread = Array.from(
    { length: Math.min(most, right.length) },
    (_, k) => right[Math.floor((k * right.length) / Math.min(most, right.length))] ?? 0,
  );
  const sample = (image: number): Sample => {
    const confidence = answers.confidences[image] ?? Number.NaN;
    return {
      image,
      label: set.labels[image] ?? 0,
      answer: answers.classes[image] ?? 0,
      confidence: Number.isFinite(confidence) ? confidence : null,
      source: pngOf(set, [image]),
    };
  };
  return { right: spread.map(sample), wrong: wrong.slice(0, most).map(sample) };
}
