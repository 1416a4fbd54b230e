/** `npm run classify` as a user has it: pictures in, answers, a contact sheet and one line for each failure out. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createGpu, type Gpu, nn, train } from "wgrad";
import {
  loadPretrained,
  type PretrainedSettings,
  savePretrained,
} from "../../examples/cifar100/pretrained.ts";
import { Command, complaint } from "../support/command.ts";

const folder = mkdtempSync(join(tmpdir(), "wgrad-classify-"));
const root = fileURLToPath(new URL("../../", import.meta.url));
const command = await Command.build(root, "examples/cifar100/classify.ts");
let gpu: Gpu;

const settings: PretrainedSettings = {
  model: "vggFast",
  width: 1 / 16,
  classNames: ["apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee"],
  normalization: { mean: [0.5, 0.4, 0.3], std: [0.25, 0.2, 0.3] },
  recipe: "record",
  epochs: 11,
  seed: 3,
  dataset: "cifar100",
  accuracy: 0.6543,
  accuracyTta: 0.6789,
};
const classes = settings.classNames.length;
const pixels = (seed: number) => Uint8Array.from({ length: 32 * 32 * 3 }, (_, k) => (k * seed + k * k) % 256);
const classify = (...args: string[]) => command.run(args, { cwd: folder });
const file = (name: string) => join(folder, name);

beforeAll(async () => {
  gpu = await createGpu();
  const model = nn.vggFast(gpu, { classes, width: settings.width, seed: settings.seed });
  writeFileSync(file("model.safetensors"), await savePretrained(model, settings));
  for (const seed of [1, 2]) {
    const picture = sharp(pixels(seed), { raw: { width: 32, height: 32, channels: 3 } });
    writeFileSync(file(`picture<${seed}>.png`), await picture.png().toBuffer());
  }
});
afterAll(() => {
  gpu.destroy();
  command.remove();
  rmSync(folder, { recursive: true });
});

/** Name and per cent, the likeliest first: computed here. */
async function expected(bytes: Uint8Array): Promise<[name: string, percent: number][]> {
  const { model, normalization } = loadPretrained(gpu, readFileSync(file("model.safetensors")));
  const values = Float32Array.from(
    bytes,
    (byte, k) => (byte / 255 - (normalization.mean[k % 3] ?? 0)) / (normalization.std[k % 3] ?? 1),
  );
  const judge = train.testTimeAugmentation(model);
  const logits = await judge.forward(gpu.tensor(values, [1, 32, 32, 3]), { training: false }).data();
  const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
  return settings.classNames
    .map((name, k): [string, number] => [name.replace("_", " "), (100 * Math.exp(logits[k] ?? 0)) / sum])
    .sort((a, b) => b[1] - a[1])
    .slice(0, 5);
}

/** What a command printed under a picture's name. */
function printed(stdout: string, name: string): { name: string; bar: string; percent: number }[] {
  const lines = stdout.split("\n");
  const first = lines.indexOf(name) + 1;
  return lines.slice(first, first + 5).map((line) => {
    const [, answer = "", bar = "", percent = ""] =
      /^ {2}(\S.*?) {2,}([█▏▎▍▌▋▊▉]*) +([\d.]+) %$/.exec(line) ?? [];
    return { name: answer, bar, percent: Number(percent) };
  });
}

describe("npm run classify", () => {
  test("prints the five likeliest classes of a picture, with bars", async () => {
    const outcome = await classify("picture<1>.png", "--model", "model.safetensors");
    expect([complaint(outcome), outcome.status]).toEqual([[], 0]);
    const answers = printed(outcome.stdout, "picture<1>.png");
    const right = await expected(pixels(1));
    expect(answers.map(({ name }) => name)).toEqual(right.map(([name]) => name));
    for (const [k, [, percent]] of right.entries()) {
      expect(Math.abs((answers[k]?.percent ?? 0) - percent)).toBeLessThan(0.051); // one decimal
      expect(answers[k]?.bar).toHaveLength(Math.ceil(Math.round(240 * (percent / 100)) / 8));
    }
    expect(existsSync(file("contact-sheet.html"))).toBe(false);
  });

  test("puts several on a contact sheet, and goes on after one that fails", async () => {
    writeFileSync(file("empty.jpg"), "");
    const names = ["picture<1>.png", "empty.jpg", "missing.png", "picture<2>.png"];
    const outcome = await classify(...names, "-m", "model.safetensors");
    expect(outcome.status).toBe(1);
    expect(complaint(outcome)).toMatchInlineSnapshot(`
      [
        "classify: 'empty.jpg' is empty",
        "classify: 'missing.png' isn't there",
      ]
    `);
    expect(outcome.stdout).toContain("Contact sheet: contact-sheet.html\n");
    const page = readFileSync(file("contact-sheet.html"), "utf8");
    const right = await expected(pixels(2));
    expect(printed(outcome.stdout, "picture<2>.png").map(({ name }) => name)).toEqual(
      right.map(([name]) => name),
    );
    expect(
      [...page.matchAll(/<img src="data:image\/jpeg;base64,[^"]+" [^>]*alt="([^"]*)"/g)].map(
        ([, alt]) => alt,
      ),
    ).toEqual(["picture&lt;1&gt;.png", "picture&lt;2&gt;.png"]);
    const items = [...page.matchAll(/<li><span>(.*?)<\/span>.*?<span>([\d.]+) %<\/span><\/li>/g)].map(
      ([, name]) => name,
    );
    expect(items.slice(5)).toEqual(right.map(([name]) => name));
    expect(page).toContain("&#39;empty.jpg&#39; is empty");
    expect(page).toContain("trained on cifar100 for 11 epochs, right on 67.9 % of its test set");
    expect(page).not.toMatch(/(src|href)="(?!data:)/);
  });

  test("writes the sheet where it's told to, for one picture too", async () => {
    const outcome = await classify("picture<1>.png", "-m", "model.safetensors", "-o", "one.html");
    expect([outcome.status, outcome.stdout.split("\n").at(-2)]).toEqual([0, "Contact sheet: one.html"]);
    expect(readFileSync(file("one.html"), "utf8")).toContain("<h1>1 picture</h1>");
  });

  test("of wrong usage says what to do, with status 2", async () => {
    const lines: string[] = [];
    for (const args of [[], ["a.png", "--out", "b.png"], ["a.png", "--modle", "x"]]) {
      const outcome = await classify(...args);
      expect([outcome.status, outcome.stdout]).toEqual([2, ""]);
      lines.push(complaint(outcome).join("\n"));
    }
    expect(lines).toMatchInlineSnapshot(`
      [
        "classify: name one picture or more, JPEG, PNG or WebP; see --help",
        "classify: --out is the contact sheet, a file that ends in .html, but got 'b.png'",
        "classify: unknown option '--modle' (Did you mean --model?); see --help",
      ]
    `);
  });

  test("without a model it can use says so in one line, with status 1", async () => {
    const tensors = { w: { shape: [1], data: Float32Array.of(1) } };
    writeFileSync(file("text.safetensors"), "this is no model");
    writeFileSync(file("other.safetensors"), nn.encodeSafetensors(tensors, { metadata: { format: "pt" } }));
    const lines: string[] = [];
    for (const model of ["none.safetensors", "text.safetensors", "other.safetensors"]) {
      const outcome = await classify("picture<1>.png", "--model", model);
      expect([outcome.status, outcome.stdout]).toEqual([1, ""]);
      lines.push(complaint(outcome).join("\n"));
    }
    expect(lines).toMatchInlineSnapshot(`
      [
        "classify: the model none.safetensors can't be read (ENOENT): name a .safetensors file of this example by --model",
        "classify: [safetensors] 'text.safetensors': its header would have 2,338,328,219,631,577,204 bytes, more than 100,000,000: it isn't a safetensors file",
        "classify: [pretrained] 'other.safetensors': 'model' in the file's metadata must be vgg or vggFast, but is missing: it's no model of this example",
      ]
    `);
  });
});
