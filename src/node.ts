/** `wgrad/node`: what needs files: data sets from disk, snapshots. */
export { type LoadCifar100Options, loadCifar100 } from "./data/node/load-cifar100.ts";
export {
  loadSnapshot,
  SnapshotFolder,
  saveSnapshot,
  writeFileWhole,
} from "./train/node/snapshot-file.ts";
