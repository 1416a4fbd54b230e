import { coarseNames } from "../class-names.ts";
import { coarseOfFine } from "../coarse-of-fine.ts";

/** CIFAR-100's superclasses: their 20 names, and which of them each of the 100 classes belongs to. The synthetic set's classes are divided alike. */
export const cifar100Superclasses: {
  readonly names: readonly string[];
  readonly ofClass: ArrayLike<number>;
} = { names: coarseNames, ofClass: coarseOfFine };
