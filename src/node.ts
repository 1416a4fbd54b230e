/** `wgrad/node`: what needs files: data sets from disk, snapshots, and what reports are made of. */

export { cacheFolder } from "./data/node/cache-folder.ts";
export { type DownloadOptions, type DownloadProgress, downloadFile } from "./data/node/download.ts";
export {
  type DownloadCifarOptions,
  datasetFolder,
  downloadCifar10,
  downloadCifar100,
} from "./data/node/download-cifar.ts";
export { DownloadError } from "./data/node/download-error.ts";
export { type LoadCifarOptions, loadCifar10, loadCifar100 } from "./data/node/load-cifar.ts";
export { type LockOwner, locked } from "./data/node/lock.ts";
export { cifar100Superclasses } from "./data/node/superclasses.ts";
export { type AdapterName, formatAdapter, listAdapters } from "./gpu/adapters.node.ts";
export {
  type Answers,
  confusionMatrix,
  Predictions,
  predict,
} from "./train/node/predictions.ts";
export {
  type LatestSnapshot,
  listSnapshots,
  loadLatestSnapshot,
  loadSnapshot,
  type SnapshotFile,
  SnapshotFolder,
  type SnapshotList,
  saveSnapshot,
} from "./train/node/snapshot-file.ts";
export { asWriteError, FileWriteError, removeLeftovers, writeFileWhole } from "./train/node/whole-file.ts";
