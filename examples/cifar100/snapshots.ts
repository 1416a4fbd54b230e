/** The snapshots of a run: which one to go on from, and where the next ones go. */
import { mkdir } from "node:fs/promises";
import { train } from "wgrad";
import {
  asWriteError,
  type LatestSnapshot,
  listSnapshots,
  loadLatestSnapshot,
  removeLeftovers,
  SnapshotFolder,
} from "wgrad/node";
import { type SavedSettings, savedSettings } from "./settings.ts";

/** The newest good snapshot at a path, a folder or a file; says on standard error which ones are damaged. */
export function findSnapshot(path: string): Promise<LatestSnapshot> {
  return loadLatestSnapshot(path, (message) => process.stderr.write(`cifar100: warning: ${message}\n`));
}

/**
 * The output folder, made if need be and cleared of what a killed run left half written.
 * @param resumed where the run goes on from: what it wrote there before then counts among the last three
 * @throws FileWriteError if nothing can be written there
 */
export async function openOutput(
  folder: string,
  settings: SavedSettings,
  resumed: LatestSnapshot | undefined,
): Promise<SnapshotFolder> {
  try {
    await mkdir(folder, { recursive: true });
    await removeLeftovers(folder);
  } catch (error) {
    throw asWriteError(folder, error);
  }
  if (!resumed) return new SnapshotFolder(folder);
  const { snapshots } = await listSnapshots(folder);
  const own = snapshots.filter(({ path, meta }) => !resumed.damaged.includes(path) && isOf(settings, meta));
  return new SnapshotFolder(folder, 3, own.map(({ path }) => path).reverse());
}

/** Runs of the same settings are the same run: they compute the same bits. Only when it ends may be another. */
function isOf(settings: SavedSettings, meta: train.SnapshotContent["meta"]): boolean {
  try {
    const other = savedSettings(train.describeRun({ meta, arrays: new Map() }));
    const endless = { epochs: 0, earlyStopping: "none" };
    return JSON.stringify({ ...other, ...endless }) === JSON.stringify({ ...settings, ...endless });
  } catch {
    return false; // of another program
  }
}

/** @throws train.DivergedError if a number of the run isn't finite: the last good snapshots are worth more */
export function refuseDiverged({ arrays }: train.SnapshotContent): void {
  for (const [name, array] of arrays) {
    if (areFinite(array)) continue;
    const what = name.replace(/^model\//, "").replace(/^optimizer\//, "optimiser's ");
    throw new train.DivergedError(
      `'${what}' isn't finite any more, and no snapshot is saved: ${divergedAdvice}`,
    );
  }
}

/** Infinity and NaN times 0 are NaN. A sum takes a tenth of a second for VGG's 30 million numbers, a test of each a whole one. */
function areFinite(values: ArrayLike<number>): boolean {
  let zero = 0;
  for (let k = 0; k < values.length; k++) zero += (values[k] ?? 0) * 0;
  return zero === 0;
}

const divergedAdvice =
  "training diverged; start again with a lower learning rate, or find the first NaN with --check-numerics";
