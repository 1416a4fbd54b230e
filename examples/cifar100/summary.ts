/** What is said after training: how long an epoch took, and the whole published run beside the published times. */
import type { train } from "wgrad";
import { clock } from "./console.ts";
import type { SavedSettings } from "./settings.ts";

const published = "3:11:43 (GTX 980) and 1:52:54 (Titan X Pascal)";
const fullSet = { train: 50_000, test: 10_000, epochs: 300 };

export function summarize(settings: SavedSettings, epochs: readonly train.EpochSeconds[]): string[] {
  const training = median(epochs.map((seconds) => seconds.training));
  const validation = median(epochs.map((seconds) => seconds.validation));
  const { recipe, width, trainImages, testImages, dataset } = settings;
  const epoch = (training * fullSet.train) / trainImages + (validation * fullSet.test) / testImages;
  const images = `${count(trainImages)} training and ${count(testImages)} test images`;
  return [
    `Time per epoch: ${(training + validation).toFixed(1)} s (median of ${epochs.length}; ${images}, width ${width}).`,
    ...(recipe === "record" ? [] : besidePublished(settings, epoch)),
    ...(dataset === "synthetic"
      ? ["The set was SYNTHETIC: its accuracies say nothing about CIFAR-100."]
      : []),
  ];
}

/** @param epoch seconds for all images */
function besidePublished(settings: SavedSettings, epoch: number): string[] {
  const { width, trainImages, testImages, dataset } = settings;
  const isWhole = trainImages === fullSet.train && testImages === fullSet.test;
  const work = Number((1 / width ** 2).toPrecision(2));
  return [
    `${fullSet.epochs} epochs${isWhole ? "" : ` of all ${count(fullSet.train)} images`} at width ${width} would take about ` +
      `${clock(fullSet.epochs * epoch)} here; published${dataset === "cifar10" ? " for CIFAR-100" : ""}, at width 1: ${published}.`,
    ...(width === 1
      ? []
      : [`These aren't comparable: width 1 is about ${work} times the arithmetic of width ${width}.`]),
  ];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

export function count(value: number): string {
  return value.toLocaleString("en-US");
}
