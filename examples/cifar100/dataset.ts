/** Finds the data: where the user says, in the default folder, or drawn. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { data } from "wgrad";
import { loadCifar100 } from "wgrad/node";
import { defaultDataFolder, fromCallersFolder, type Options } from "./options.ts";

/** Where the real set is to be had, from its authors (Krizhevsky, 2009). */
export const officialAddress = "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz";

export const howToGetData = `download ${officialAddress} and pass --data cifar-100-binary.tar.gz (or put it in ./${defaultDataFolder}/)`;

/** @throws DatasetError where the set that was asked for isn't there or isn't whole */
export async function findData(
  options: Pick<Options, "data" | "dataset">,
  limits: { readonly trainLimit: number; readonly testLimit: number },
): Promise<data.TrainTest> {
  if (options.data !== undefined) return load(options.data);
  if (options.dataset !== "synthetic") {
    const folder = fromCallersFolder(defaultDataFolder);
    const places = ["cifar-100-binary/train.bin", "cifar-100-binary.tar.gz", "train.bin"];
    if (places.some((place) => existsSync(join(folder, place)))) return load(folder);
    if (options.dataset === "cifar100")
      throw new data.DatasetError(`[cifar100] CIFAR-100 isn't in ./${defaultDataFolder}: ${howToGetData}`);
  }
  const { trainLimit, testLimit } = limits;
  return data.syntheticCifar100({
    ...(trainLimit > 0 && { trainCount: Math.min(trainLimit, 50_000) }),
    ...(testLimit > 0 && { testCount: Math.min(testLimit, 10_000) }),
  });
}

async function load(path: string): Promise<data.TrainTest> {
  try {
    return await loadCifar100(path);
  } catch (error) {
    if (!(error instanceof data.DatasetError)) throw error;
    throw new data.DatasetError(`${error.message} (${officialAddress})`, { cause: error });
  }
}
