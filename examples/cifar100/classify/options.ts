/** The command line of `npm run classify`. */
import { Command, Option } from "commander";
import { fromCallersFolder, parseWith, UsageError } from "../options.ts";

export interface ClassifyOptions {
  /** As the user named them. */
  readonly pictures: readonly string[];
  /** A path. */
  readonly model: string;
  /** The contact sheet's path; undefined for none. */
  readonly out: string | undefined;
  /** "auto", "list", a power preference or a part of an adapter's name. */
  readonly device: string;
}

/** In the checkout, where npm starts scripts. */
const ownModel = "examples/cifar100/pretrained/vgg-fast.safetensors";
const usualSheet = "contact-sheet.html";

/** @returns the options, or undefined if help was asked for and printed. @throws UsageError */
export function parseClassifyOptions(args: readonly string[]): ClassifyOptions | undefined {
  const command = describe();
  if (!parseWith(command, args)) return undefined;
  const { model, out, device } = command.opts<{ model?: string; out?: string; device: string }>();
  const pictures = command.args;
  if (pictures.length === 0 && device !== "list")
    throw new UsageError("name one picture or more, JPEG, PNG or WebP; see --help");
  if (out !== undefined && !/\.html?$/i.test(out))
    throw new UsageError(`--out is the contact sheet, a file that ends in .html, but got '${out}'`);
  const sheet = out ?? (pictures.length > 1 ? usualSheet : undefined);
  return {
    pictures,
    model: model === undefined ? ownModel : fromCallersFolder(model),
    out: sheet === undefined ? undefined : fromCallersFolder(sheet),
    device,
  };
}

function describe(): Command {
  return new Command("npm run classify --")
    .usage("[options] <picture...>")
    .description("Says what is on pictures, as far as it is one of the model's classes: CIFAR-100's 100.")
    .argument("[picture...]", "JPEG, PNG or WebP, of any size; the middle square is looked at")
    .option("-m, --model <file>", `a model of this example, .safetensors (default: ${ownModel})`)
    .option("-o, --out <file>", `write a contact sheet (default for several pictures: ${usualSheet})`)
    .addOption(
      new Option(
        "--device <adapter>",
        "auto, high-performance, low-power, or a part of an adapter's name; list prints the names",
      ).default("auto"),
    )
    .helpOption("-h, --help", "show this help")
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
}
