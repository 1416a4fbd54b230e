/** The snapshots of a run: which one to go on from, and where the next ones go. */
import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { train } from "wgrad";
import {
  asWriteError,
  type LatestSnapshot,
  type LockOwner,
  listSnapshots,
  loadLatestSnapshot,
  locked,
  removeLeftovers,
  SnapshotFolder,
} from "wgrad/node";
import { type SavedSettings, savedSettings } from "./settings.ts";
import { shown } from "./shown.ts";

/** The newest good snapshot at a path, a folder or a file; says on standard error which ones are damaged. */
export function findSnapshot(path: string): Promise<LatestSnapshot> {
  return loadLatestSnapshot(path, (message) => process.stderr.write(`cifar100: warning: ${message}\n`));
}

/**
 * Runs `work` with the output folder to itself: made if need be and cleared of what a killed run left half written.
 * @throws FileWriteError if nothing can be written there
 * @throws Error if another run writes there
 */
export async function withOutput<T>(folder: string, work: () => Promise<T>): Promise<T> {
  let made: string | undefined;
  let isOpen = false;
  const open = async () => {
    await removeLeftovers(folder);
    isOpen = true;
    return work();
  };
  try {
    made = await mkdir(folder, { recursive: true });
    return await locked(join(folder, ".run"), open, (owner) => refusal(folder, owner));
  } catch (error) {
    if (made !== undefined) await rmdir(folder).catch(() => {}); // unless something is in it
    throw isOpen || !(error instanceof Error && "code" in error) ? error : asWriteError(folder, error);
  }
}

function refusal(folder: string, { pid, host, mark }: LockOwner): Error {
  const where = host === undefined ? "" : ` on '${host}'`;
  return new Error(
    `another run, process ${pid}${where}, writes to '${shown(folder)}': wait for it or stop it, or choose another folder by --out ` +
      `(if there is no such run, delete '${shown(mark)}')`,
  );
}

/**
 * Where the snapshots of a run go.
 * @param resumed where the run goes on from: what it wrote there before then counts among the last three
 */
export async function openSnapshots(
  folder: string,
  settings: SavedSettings,
  resumed: LatestSnapshot | undefined,
): Promise<SnapshotFolder> {
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
