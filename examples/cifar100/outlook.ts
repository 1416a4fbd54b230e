/** What recipe `record` says after its first steps: when it will be done, and what other numbers of epochs would bring. */
import { clock } from "./console.ts";
import type { SavedSettings } from "./settings.ts";

/** Test accuracy in % on all of CIFAR-100 at width 1, plain and with test-time augmentation, of single runs, the first PyTorch's: docs/record/README.md. */
const known: ReadonlyMap<number, readonly [plain: number, augmented: number]> = new Map([
  [6, [64.8, 66.8]],
  [10, [69.8, 71.3]],
]);
/** An image's forward pass, as a share of its training step. */
const forward = 1 / 3;
const views = 6;

/** @param imagesPerSecond of training @returns no line for the other recipes */
export function outlook(settings: SavedSettings, imagesPerSecond: number): string[] {
  const { recipe, epochs, trainImages, testImages, dataset, width } = settings;
  if (recipe !== "record") return [];
  const secondsFor = (count: number) =>
    (count * trainImages + (count + views) * forward * testImages) / imagesPerSecond;
  const isKnown = dataset === "cifar100" && width === 1 && trainImages === 50_000 && testImages === 10_000;
  const described = (count: number) => {
    const [plain, augmented] = (isKnown && known.get(count)) || [];
    const accuracy = plain === undefined ? "" : ` for ${augmented} % (plain ${plain} %)`;
    return `${count} epochs in ${clock(secondsFor(count))}${accuracy}`;
  };
  const others = [3, 6, 10, 16].filter((count) => count !== epochs);
  return [
    `# At this speed: ${described(epochs)}; published: 65 % in 1:52:54 (Titan X Pascal).`,
    `# Other counts (--epoch): ${others.map(described).join(", ")}.`,
  ];
}
