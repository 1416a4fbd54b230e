/** Finds the data: where the user says, in the default folder, in the cache, from its authors' page if asked, or drawn. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { data } from "wgrad";
import {
  DownloadError,
  datasetFolder,
  downloadCifar10,
  downloadCifar100,
  loadCifar10,
  loadCifar100,
} from "wgrad/node";
import type { Console } from "./console.ts";
import { type DatasetName, defaultDataFolder, fromCallersFolder, type Options } from "./options.ts";

type RealName = Exclude<DatasetName, "synthetic">;

const realSets = {
  cifar10: {
    title: "CIFAR-10",
    archive: "cifar-10-binary.tar.gz",
    files: ["cifar-10-batches-bin/data_batch_1.bin", "data_batch_1.bin"],
    load: loadCifar10,
    download: downloadCifar10,
  },
  cifar100: {
    title: "CIFAR-100",
    archive: "cifar-100-binary.tar.gz",
    files: ["cifar-100-binary/train.bin", "train.bin"],
    load: loadCifar100,
    download: downloadCifar100,
  },
} as const;

export interface DataRequest extends Pick<Options, "data" | "dataset" | "download" | "unofficial"> {
  /** Images that are used, 0 for all: the synthetic set has no more. */
  readonly trainLimit: number;
  readonly testLimit: number;
  readonly signal: AbortSignal;
  /** Where a download is shown. */
  readonly screen?: Console;
}

export interface FoundData {
  readonly name: DatasetName;
  readonly source: data.TrainTest;
  /** Whether it's the synthetic set because there's no real one. */
  readonly isStandIn: boolean;
}

/**
 * @param usual the set where the user names none: a snapshot's
 * @throws DatasetError where the set that was asked for isn't there or isn't whole; DownloadError
 */
export async function findData(request: DataRequest, usual?: DatasetName): Promise<FoundData> {
  const { data: path, dataset = usual, download, unofficial = false } = request;
  const name = dataset === undefined || dataset === "synthetic" ? "cifar100" : dataset;
  const found = async (place: string) => ({
    name,
    source: await load(name, place, !unofficial),
    isStandIn: false,
  });
  if (path !== undefined) return found(path);
  if (dataset !== "synthetic") {
    const { archive, files } = realSets[name];
    const folders = [fromCallersFolder(defaultDataFolder), datasetFolder()];
    const isThere = (folder: string) => [archive, ...files].some((file) => existsSync(join(folder, file)));
    const folder = folders.find(isThere);
    if (folder !== undefined) return found(folder);
    if (download !== undefined) return found(await fetchSet(name, download, request));
    if (dataset !== undefined) {
      throw new data.DatasetError(
        `[${name}] ${titleOf(name)} isn't in ./${defaultDataFolder} nor in the cache: ${howToGet(name)}`,
      );
    }
  }
  const { trainLimit, testLimit } = request;
  const source = data.syntheticCifar100({
    ...(trainLimit > 0 && { trainCount: Math.min(trainLimit, 50_000) }),
    ...(testLimit > 0 && { testCount: Math.min(testLimit, 10_000) }),
  });
  return { name: "synthetic", source, isStandIn: dataset === undefined };
}

export function titleOf(name: RealName): string {
  return realSets[name].title;
}

/** What a user without the set can do. */
export function howToGet(name: RealName): string {
  const { archive } = realSets[name];
  return `pass --download, or download ${officialAddress(name)} and pass --data ${archive} (or put it in ./${defaultDataFolder}/)`;
}

/** Where a set is to be had, from its authors (Krizhevsky, 2009). */
function officialAddress(name: RealName): string {
  return `https://www.cs.toronto.edu/~kriz/${realSets[name].archive}`;
}

async function load(name: RealName, path: string, verify: boolean): Promise<data.TrainTest> {
  try {
    return await realSets[name].load(path, { verify });
  } catch (error) {
    if (!(error instanceof data.DatasetError)) throw error;
    const isOther = name === "cifar100" && error.message.includes("(CIFAR-10)");
    const advice = isOther ? "for CIFAR-10 pass --dataset cifar10" : officialAddress(name);
    const message = error.message.replace("{ verify: false }", "--unofficial");
    throw new data.DatasetError(`${message} (${advice})`, { cause: error });
  }
}

async function fetchSet(
  name: RealName,
  from: string | true,
  { signal, screen }: DataRequest,
): Promise<string> {
  const { download, archive } = realSets[name];
  const address = from === true ? officialAddress(name) : from;
  const began = performance.now();
  screen?.line(`Downloading ${address} into ${datasetFolder()}`);
  try {
    const path = await download({
      address,
      signal,
      onProgress: (progress) => screen?.downloading(progress),
    });
    screen?.line(`Downloaded in ${((performance.now() - began) / 1000).toFixed(0)} s`);
    return path;
  } catch (error) {
    if (signal.aborted) {
      throw new Error("the download was stopped; what came is kept: the same command goes on from there", {
        cause: error,
      });
    }
    if (!(error instanceof DownloadError)) throw error;
    throw new DownloadError(`${error.message} and pass --data ${archive}`, { cause: error });
  }
}
