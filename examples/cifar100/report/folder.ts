/** Reads what a run left in its folder. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { quoted, shown } from "../shown.ts";
import { isLog, isRunData, type LogRow, type RunData } from "./run-data.ts";

export interface RunFolder {
  readonly log: readonly LogRow[];
  /** Undefined where there is no `report.json`, as of older runs. */
  readonly data: RunData | undefined;
}

/** @throws Error, naming the file, where there is no log or a file isn't what it should be */
export async function readRun(folder: string): Promise<RunFolder> {
  const log = await readJson(join(folder, "log"));
  if (log === undefined)
    throw new Error(`'${folder}' holds no log; name a folder that 'npm run cifar100' wrote to (--out)`);
  if (!isLog(log)) throw new Error(`'${join(folder, "log")}' isn't a log of 'npm run cifar100'`);
  const data = await readJson(join(folder, "report.json"));
  if (data !== undefined && !isRunData(data))
    throw new Error(
      `'${join(folder, "report.json")}' isn't whole or isn't of this release; delete it, and curves are left`,
    );
  return { log, data };
}

/** Undefined where there is no such file. */
async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const again = `npm run cifar100 -- --resume ${quoted(shown(dirname(path)))}`;
    throw new Error(`'${path}' is cut off or damaged: it isn't JSON; '${again}' writes it again`, { cause });
  }
}
