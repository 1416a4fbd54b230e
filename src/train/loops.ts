/** The loops of training and evaluation, in one file on demand: who trains evaluates too, perhaps when the page's server has other files by then. */
export { evaluateInOrder } from "./evaluation.ts";
export { TrainingRun } from "./training-run.ts";
