/** The curves of one run, and of several side by side, from their logs. */
import { type Chart, type Curve, roundPercent } from "./charts.ts";
import { type LogRow, numberOf } from "./run-data.ts";

type Points = Curve["points"];

function pointsOf(log: readonly LogRow[], key: string): Points {
  return log.map((row) => [numberOf(row, "epoch"), numberOf(row, key)]);
}

/** Training and validation in one chart each. */
export function chartsOfRun(log: readonly LogRow[]): Chart[] {
  const both = (measure: string): Curve[] => [
    { name: "training", points: pointsOf(log, `main/${measure}`) },
    { name: "validation", points: pointsOf(log, `validation/main/${measure}`), dashed: true },
  ];
  const one = (key: string): Curve[] => [{ name: key.replaceAll("_", " "), points: pointsOf(log, key) }];
  return [
    { title: "Loss", curves: both("loss") },
    { title: "Accuracy", curves: both("accuracy"), format: roundPercent, fromZero: true },
    { title: "Learning rate", curves: one("lr"), steps: true, fromZero: true },
    { title: "Training images per second", curves: one("images_per_second"), fromZero: true },
  ];
}

export interface NamedLog {
  readonly name: string;
  readonly log: readonly LogRow[];
}

/** One curve a run in each chart that has one; a log from elsewhere may not tell the rate. Beyond the number of colours, curves are dashed. */
export function chartsOfRuns(runs: readonly NamedLog[], colours: number): Chart[] {
  const curves = (key: string): Curve[] =>
    runs.map(({ name, log }, k) => ({ name, points: pointsOf(log, key), dashed: isDashed(k, colours) }));
  const charts: Chart[] = [
    {
      title: "Validation accuracy",
      curves: curves("validation/main/accuracy"),
      format: roundPercent,
      fromZero: true,
    },
    { title: "Validation loss", curves: curves("validation/main/loss") },
    { title: "Training accuracy", curves: curves("main/accuracy"), format: roundPercent, fromZero: true },
    { title: "Training loss", curves: curves("main/loss") },
    { title: "Learning rate", curves: curves("lr"), steps: true, fromZero: true },
    { title: "Training images per second", curves: curves("images_per_second"), fromZero: true },
  ];
  return charts.filter(({ curves }) =>
    curves.some(({ points }) => points.some(([, value]) => Number.isFinite(value))),
  );
}

export function isDashed(run: number, colours: number): boolean {
  return Math.floor(run / colours) % 2 === 1;
}

/** The epoch with the highest validation accuracy, and that. */
export function bestOf(log: readonly LogRow[]): { readonly epoch: number; readonly accuracy: number } {
  let best = { epoch: 0, accuracy: Number.NaN };
  for (const row of log) {
    const accuracy = numberOf(row, "validation/main/accuracy");
    if (!(accuracy <= best.accuracy) && Number.isFinite(accuracy))
      best = { epoch: numberOf(row, "epoch"), accuracy };
  }
  return best;
}

/** The middle one of a log's values. */
export function medianOf(log: readonly LogRow[], key: string): number {
  const values = log
    .map((row) => numberOf(row, key))
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  return values[Math.floor(values.length / 2)] ?? Number.NaN;
}
