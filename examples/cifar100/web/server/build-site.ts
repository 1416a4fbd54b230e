/**
 * The page as files: `page.js`, `worker.js` and what they load on demand, style and HTML. All addresses are relative, so the folder works
 * anywhere. The library is bundled from its source with the browser's conditions, kernels without comments.
 */
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { build } from "esbuild";
import { strippedWgsl } from "../../../../scripts/strip-wgsl.mjs";
import { metaPolicy } from "./policy.ts";

export interface SiteOptions {
  /** The checkout. */
  readonly root: string;
  /** Where the files go; what was there is deleted, so it must be the site's own. */
  readonly folder: string;
  /** The policy in a `<meta>` element: for hosts that send no header of ours. */
  readonly withPolicy: boolean;
}

const web = "examples/cifar100/web";
/** Where `npm run classify` has it too. */
const pretrained = "examples/cifar100/pretrained/vgg-fast.safetensors";
const copied = new Set([".css", ".svg", ".png"]);

/** @throws Error, with esbuild's report, for what can't be bundled */
export async function buildSite({ root, folder, withPolicy }: SiteOptions): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const hasModel = existsSync(join(root, pretrained));
  if (hasModel) await copyFile(join(root, pretrained), join(folder, "pretrained.safetensors"));
  await build({
    absWorkingDir: root,
    entryPoints: { page: `${web}/page/main.ts`, worker: `${web}/worker/main.ts` },
    outdir: folder,
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    minify: true,
    keepNames: true, // layers are listed by the names of their classes
    legalComments: "none",
    sourcemap: !withPolicy,
    alias: { wgrad: "./src/index.ts", "wgrad/node": `./${web}/worker/without-files.ts` },
    define: { HAS_PRETRAINED: String(hasModel) },
    plugins: [strippedWgsl],
    logLevel: "error",
  });
  const page = join(root, web, "page");
  for (const name of await readdir(page)) {
    const type = extname(name);
    if (type === ".html") {
      const html = await readFile(join(page, name), "utf8");
      await writeFile(join(folder, name), withPolicy ? withMeta(html) : html);
    } else if (copied.has(type)) await copyFile(join(page, name), join(folder, name));
  }
}

/** The policy holds for what comes after it, so it comes first. */
function withMeta(html: string): string {
  const at = html.indexOf("<head>") + "<head>".length;
  const meta = `<meta http-equiv="Content-Security-Policy" content="${metaPolicy}">`;
  return `${html.slice(0, at)}\n    ${meta}${html.slice(at)}`;
}
