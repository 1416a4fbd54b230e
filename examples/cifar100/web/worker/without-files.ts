/** The parts of `wgrad/node` that touch no file: what the bundle for browsers has under that name. */
export { cifar100Superclasses } from "../../../../src/data/node/superclasses.ts";
export {
  type Answers,
  confusionMatrix,
  Predictions,
  predict,
} from "../../../../src/train/node/predictions.ts";
