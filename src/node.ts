/** `wgrad/node`: what needs files: data sets from disk, snapshots, and what reports are made of. */
export { type LoadCifarOptions, loadCifar10, loadCifar100 } from "./data/node/load-cifar.ts";
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
