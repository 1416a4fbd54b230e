/**
 * `npm run classify -- PICTURE...`: the five likeliest classes of each picture, and a contact sheet for several. Exit status 0 done, 1 failed, also
 * for one of the pictures (the others are classified all the same), 2 wrong usage; a failure is one line.
 */
import { readFile } from "node:fs/promises";
import { formatAdapter, listAdapters, writeFileWhole } from "wgrad/node";
import { openGpu } from "./adapter.ts";
import { linesOf } from "./classify/bars.ts";
import { PictureClassifier } from "./classify/classifier.ts";
import { type ClassifyOptions, parseClassifyOptions } from "./classify/options.ts";
import { PictureError, readPicture } from "./classify/picture.ts";
import { type Classified, sheetOf } from "./classify/sheet.ts";
import { UsageError } from "./options.ts";
import { loadPretrained } from "./pretrained.ts";
import { naming, shown } from "./shown.ts";

const most = 5;

// The reader of a pipe is gone.
process.stdout.on("error", () => process.exit());

try {
  const options = parseClassifyOptions(process.argv.slice(2));
  if (options?.device === "list") {
    for (const adapter of await listAdapters()) process.stdout.write(`${formatAdapter(adapter)}\n`);
  } else if (options) await classify(options);
} catch (error) {
  report(error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function classify({ pictures, model, out, device }: ClassifyOptions): Promise<void> {
  const file = await readModel(model);
  const gpu = await openGpu({ device });
  try {
    const pretrained = naming(model, () => loadPretrained(gpu, file));
    const classifier = new PictureClassifier(gpu, pretrained);
    const classified: Classified[] = [];
    const failures: string[] = [];
    for (const name of pictures) {
      try {
        const picture = await readPicture(name);
        const answers = await classifier.answers(picture.pixels, most);
        process.stdout.write(`${[name, ...linesOf(answers)].join("\n")}\n`);
        classified.push({ ...picture, answers });
      } catch (error) {
        if (!(error instanceof PictureError)) throw error;
        report(error);
        failures.push(error.message);
        process.exitCode = 1;
      }
    }
    if (out === undefined || classified.length === 0) return;
    await writeFileWhole(out, sheetOf(classified, failures, pretrained.metadata));
    process.stdout.write(`Contact sheet: ${shown(out)}\n`);
  } finally {
    gpu.destroy();
  }
}

async function readModel(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? error.code : error;
    throw new Error(
      `the model ${shown(path)} can't be read (${reason}): name a .safetensors file of this example by --model`,
      { cause: error },
    );
  }
}

function report(error: unknown): void {
  const [line] = (error instanceof Error ? error.message : String(error)).split("\n");
  process.stderr.write(`classify: ${line}\n`);
}
