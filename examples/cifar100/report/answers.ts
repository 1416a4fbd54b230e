/** What the model answered on the test set: the confusion matrix, each class's accuracy, and single images. */
import { percent } from "./charts.ts";
import { scrolling, spoken } from "./document.ts";
import { type Html, html } from "./html.ts";
import type { AnswersData, DatasetData, Sample } from "./run-data.ts";

/** More classes than this make no readable matrix; then it's drawn by superclass, or left out. */
const mostInMatrix = 30;
const listedConfusions = 12;
/** From here on light text is the readable one, and dark text on a dark page. */
const strongShare = 0.7;

export function answersSection(dataset: DatasetData, answers: AnswersData): Html {
  const { classes } = dataset;
  return html`
    ${answers.right.length + answers.wrong.length > 0 && samples(classes, answers)}
    ${matrixSection(dataset, answers)}
    <h2>Accuracy by class</h2>
    ${classTable(dataset, answers)}`;
}

function samples(classes: readonly string[], { epoch, right, wrong }: AnswersData): Html {
  return html`
    <h2>Predictions</h2>
    <p class="muted">Test images after epoch ${epoch}. Confidence is softmax's value of the answer.</p>
    <h3>Wrong, the surest ones first</h3>
    ${tiles(classes, wrong)}
    <h3>Right, spread over the test set</h3>
    ${tiles(classes, right)}`;
}

function tiles(classes: readonly string[], samples: readonly Sample[]): Html {
  if (samples.length === 0) return html`<p class="muted">None.</p>`;
  const list = samples.map(({ image, label, answer, confidence, source }) => {
    const [truth, guess] = [spoken(classes[label]), spoken(classes[answer])];
    const sure = confidence === null ? "not a number" : percent(confidence);
    const verdict =
      label === answer
        ? html`<span class="right">✓ <strong>${guess}</strong></span> ${sure}`
        : html`<span class="wrong">✗ <strong>${guess}</strong></span> ${sure}<br>is ${truth}`;
    return html`
      <figure class="tile">
        <img src="${source}" width="32" height="32" alt="Test image ${image}, ${truth}">
        <figcaption>${verdict}</figcaption>
      </figure>`;
  });
  return html`<div class="tiles">${list}</div>`;
}

interface Matrix {
  readonly kind: "superclass" | "class";
  readonly names: readonly string[];
  readonly counts: readonly (readonly number[])[];
}

/** The counts by superclass where there are some, else by class; undefined where that would be too many. */
export function matrixOf({ classes, groups }: DatasetData, { confusion }: AnswersData): Matrix | undefined {
  if (!groups)
    return classes.length > mostInMatrix ? undefined : { kind: "class", names: classes, counts: confusion };
  const counts = groups.names.map(() => groups.names.map(() => 0));
  for (const [label, row] of confusion.entries()) {
    for (const [answer, count] of row.entries()) {
      const target = counts[groups.ofClass[label] ?? -1];
      const column = groups.ofClass[answer] ?? -1;
      if (target) target[column] = (target[column] ?? 0) + count;
    }
  }
  return { kind: "superclass", names: groups.names, counts };
}

function matrixSection(dataset: DatasetData, answers: AnswersData): Html {
  const matrix = matrixOf(dataset, answers);
  const pairs = mostConfused(answers.confusion);
  const { classes } = dataset;
  return html`
    <h2>What is taken for what</h2>
    ${matrix ? matrixTable(matrix) : ""}
    ${
      pairs.length > 0 &&
      html`<h3>Most frequent confusions of two classes</h3>
    <table><thead><tr><th scope="col">Class</th><th scope="col">taken for</th><th scope="col" class="number">images</th></tr></thead><tbody>
    ${pairs.map(
      ({ label, answer, count, of }) =>
        html`<tr><td>${spoken(classes[label])}</td><td>${spoken(classes[answer])}</td><td class="number">${count} of ${of}</td></tr>`,
    )}
    </tbody></table>`
    }`;
}

function matrixTable({ kind, names, counts }: Matrix): Html {
  const rows = counts.map((row, label) => {
    const of = total(row);
    const cells = row.map((count, answer) => {
      const share = of > 0 ? count / of : 0;
      const about = `${count} of ${of} ${spoken(names[label])}: ${spoken(names[answer])}`;
      const look = count === 0 ? "none" : share > strongShare ? "strong" : "weak";
      const text = count === 0 ? "·" : share < 0.005 ? "<1" : Math.round(100 * share);
      return html`<td class="${look}" style="--share:${Math.round(100 * share)}%" title="${about}">${text}</td>`;
    });
    return html`<tr><th scope="row">${spoken(names[label])}</th>${cells}</tr>`;
  });
  const heads = names.map((name) => html`<th scope="col"><span>${spoken(name)}</span></th>`);
  const table = html`
    <table class="matrix">
      <thead><tr><td></td>${heads}</tr></thead>
      <tbody>${rows}</tbody>
    </table>`;
  return html`
    <p class="muted">Per cent of a ${kind}'s test images (row) by the ${kind} of the answer (column).</p>
    ${scrolling(`Confusion matrix by ${kind}`, table)}`;
}

interface Confusion {
  readonly label: number;
  readonly answer: number;
  readonly count: number;
  readonly of: number;
}

function mostConfused(confusion: AnswersData["confusion"]): Confusion[] {
  return confusion
    .flatMap((row, label) => {
      const of = total(row);
      return row.map((count, answer) => ({ label, answer, count, of }));
    })
    .filter(({ label, answer, count }) => label !== answer && count > 1)
    .sort((a, b) => b.count - a.count)
    .slice(0, listedConfusions);
}

function classTable({ classes, groups }: DatasetData, { confusion }: AnswersData): Html {
  const entries = classes.map((name, label) => {
    const row = confusion[label] ?? [];
    const of = total(row);
    const hits = row[label] ?? 0;
    const others = row.map((count, answer) => (answer === label ? 0 : count));
    const most = Math.max(0, ...others);
    return {
      name,
      group: groups?.names[groups.ofClass[label] ?? -1],
      of,
      hits,
      share: of > 0 ? hits / of : -1,
      most,
      mistaken: classes[others.indexOf(most)],
    };
  });
  entries.sort((a, b) => b.share - a.share);
  const rows = entries.map(
    ({ name, group, of, hits, share, most, mistaken }) => html`
      <tr><th scope="row">${spoken(name)}</th>${groups && html`<td>${spoken(group)}</td>`}
      <td class="number" data-key="${share}">${share < 0 ? "no image" : percent(share)}${bar(share)}</td>
      <td class="number" data-key="${hits}">${hits} of ${of}</td>
      <td>${most > 0 ? `${spoken(mistaken)} (${most})` : ""}</td></tr>`,
  );
  const table = html`
    <table>
      <thead><tr>
        <th scope="col">${sorter("Class", "text")}</th>
        ${groups && html`<th scope="col">${sorter("Superclass", "text")}</th>`}
        <th scope="col" class="number" aria-sort="descending">${sorter("Accuracy", "number")}</th>
        <th scope="col" class="number">${sorter("Right", "number")}</th>
        <th scope="col">Most often taken for</th>
      </tr></thead>
      <tbody>${rows}</tbody>
    </table>`;
  return scrolling("Accuracy by class", table, true);
}

function bar(share: number): Html {
  const width = Math.round(100 * Math.max(0, share));
  return html`<span class="bar" aria-hidden="true"><span style="width:${width}%"></span></span>`;
}

function sorter(name: string, type: "text" | "number"): Html {
  return html`<button type="button" class="sort" data-type="${type}">${name}</button>`;
}

function total(row: readonly number[]): number {
  return row.reduce((sum, count) => sum + count, 0);
}
