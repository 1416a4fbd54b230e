/** What the recipes stand for. */

/** All that decides what a run computes, apart from data and adapter; kept in its snapshots. */
export interface Settings {
  readonly recipe: RecipeName;
  readonly batch: number;
  readonly lr: number;
  /** The rate is halved every so many epochs; 0 where a recipe has a schedule of its own. */
  readonly halveEvery: number;
  readonly epochs: number;
  readonly width: number;
  /** Whether the model has its dropout layers. */
  readonly dropout: boolean;
  readonly seed: number;
  /** Images of the training set, 0 for all. */
  readonly trainLimit: number;
  /** Images of the test set, 0 for all. */
  readonly testLimit: number;
}

export const recipeNames = ["chainer-2016", "chainer-v7", "record", "quick"] as const;
export type RecipeName = (typeof recipeNames)[number];

export const recipes: Readonly<Record<RecipeName, Omit<Settings, "recipe">>> = {
  // Chainer's example as it was in December 2016, when the published figures were measured.
  "chainer-2016": {
    batch: 128,
    lr: 0.1,
    halveEvery: 25,
    epochs: 300,
    width: 1,
    dropout: true,
    seed: 0,
    trainLimit: 0,
    testLimit: 0,
  },
  // The example since March 2017, in Chainer 7 too: half the batch, half the rate, all else the same. (Its running variances start at
  // 1, in 2016 at 0; here they start at 1 in both.)
  "chainer-v7": {
    batch: 64,
    lr: 0.05,
    halveEvery: 25,
    epochs: 300,
    width: 1,
    dropout: true,
    seed: 0,
    trainLimit: 0,
    testLimit: 0,
  },
  // The most accuracy for the least work: `nn.vggFast`, a hundredth of the operations of 300 epochs of VGG. plan.ts has the rest.
  record: {
    batch: 500,
    lr: 0.5732,
    halveEvery: 0,
    epochs: 10,
    width: 1,
    dropout: false,
    seed: 0,
    trainLimit: 0,
    testLimit: 0,
  },
  // About three minutes on two cores, and it visibly learns: 10 % of CIFAR-100's test images after 5 epochs, with dropout 2 %.
  quick: {
    batch: 64,
    lr: 0.05,
    halveEvery: 4,
    epochs: 5,
    width: 0.25,
    dropout: false,
    seed: 0,
    trainLimit: 10_000,
    testLimit: 1_000,
  },
};
