/** A data set as the page shows it. */
import type { data } from "wgrad";
import { cifar100Superclasses } from "wgrad/node";
import type { Confusion, DatasetInfo } from "../protocol.ts";
import type { LoadedData } from "./read-data.ts";

export function describeData({ name, sets, stored }: LoadedData): DatasetInfo {
  return {
    name: name === "synthetic" ? "synthetic shapes" : name,
    synthetic: sets.train.synthetic,
    trainImages: sets.train.count,
    testImages: sets.test.count,
    classes: sets.train.classes,
    groups: groupsOf(sets.train),
    stored,
  };
}

/** Superclasses. The synthetic set's are halves of what has one shape, the last word of a class's name. */
export function groupsOf({
  classes,
  synthetic,
}: Pick<data.ImageSet, "classes" | "synthetic">): DatasetInfo["groups"] {
  const ofClass = Array.from(cifar100Superclasses.ofClass);
  const names = cifar100Superclasses.names.map((name, group) =>
    synthetic ? `${classes[ofClass.indexOf(group)]?.split(" ").at(-1)} ${1 + (group % 2)}` : name,
  );
  return { names, ofClass };
}

/** Counts of test images by superclass: row the true one, column the answer's. */
export function confusionOf(
  { names, ofClass }: DatasetInfo["groups"],
  labels: ArrayLike<number>,
  answers: ArrayLike<number>,
  count: number,
): Confusion {
  const counts = names.map(() => names.map(() => 0));
  for (let k = 0; k < count; k++) {
    const row = counts[ofClass[labels[k] ?? -1] ?? -1];
    const column = ofClass[answers[k] ?? -1] ?? -1;
    if (row?.[column] !== undefined) row[column] = (row[column] ?? 0) + 1;
  }
  return { names, counts };
}
