/** The real data sets from their authors' page, into the user's cache folder. */
import { join } from "node:path";
import { type CifarFormat, cifar10Format, cifar100Format, officialAddress } from "../cifar-format.ts";
import { cacheFolder } from "./cache-folder.ts";
import { type DownloadOptions, downloadFile } from "./download.ts";

/** What `downloadCifar10` and `downloadCifar100` take. */
export interface DownloadCifarOptions extends DownloadOptions {
  /** Where the archive comes from, https://www.cs.toronto.edu/~kriz/ by default. It must be the official archive all the same. */
  readonly address?: string;
  /** Where it's kept; `datasets` in the user's cache folder by default. */
  readonly folder?: string;
}

/**
 * CIFAR-100's archive (169 MB), downloaded unless it's there already: for `loadCifar100`.
 *
 * A cut connection is resumed, in this call or in a later one; the archive gets its name once its md5 is the one that its
 * authors publish.
 * @returns the archive's path
 * @throws DownloadError, whose message is one line that says what to do
 */
export function downloadCifar100(options: DownloadCifarOptions = {}): Promise<string> {
  return download(cifar100Format, options);
}

/** CIFAR-10's archive (170 MB), as `downloadCifar100`. */
export function downloadCifar10(options: DownloadCifarOptions = {}): Promise<string> {
  return download(cifar10Format, options);
}

/** Where `downloadCifar10` and `downloadCifar100` put the archives. */
export function datasetFolder(): string {
  return join(cacheFolder(), "datasets");
}

function download(format: CifarFormat, options: DownloadCifarOptions): Promise<string> {
  const { address = officialAddress(format), folder = datasetFolder(), ...rest } = options;
  return downloadFile(address, join(folder, format.archive.name), format.archive.md5, rest);
}
