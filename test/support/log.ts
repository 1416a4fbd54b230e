/** What `fit` logs and the command line writes. */

/** The keys of an entry, in order. */
export const logKeys = [
  "epoch",
  "iteration",
  "main/loss",
  "main/accuracy",
  "validation/main/loss",
  "validation/main/accuracy",
  "lr",
  "elapsed_time",
  "images_per_second",
];

const times = ["elapsed_time", "images_per_second"];

/** What two runs of the same bits have in common. */
export function withoutTimes(log: readonly object[]): object[] {
  return log.map((entry) =>
    Object.fromEntries(Object.entries(entry).filter(([key]) => !times.includes(key))),
  );
}
