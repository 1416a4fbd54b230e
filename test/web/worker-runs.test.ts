/** Runs in the worker: the same bits whether they're paused, reloaded, or lost with the GPU. */
import { afterEach, describe, expect, it, vi } from "vitest";
import type { RunSettings } from "../../examples/cifar100/web/protocol.ts";
import { MemoryFiles } from "../../examples/cifar100/web/worker/files.ts";
import { Harness, tiny } from "./support/harness.ts";

const open: Harness[] = [];
async function openHarness(files?: MemoryFiles): Promise<Harness> {
  const harness = await Harness.open(files);
  open.push(harness);
  return harness;
}
/** Many devices are opened, each compiles its kernels: on a busy machine that takes long. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

afterEach(() => {
  for (const harness of open.splice(0)) harness.close();
});

/** The weights of a whole run, and how it came there: `path` does what it likes with the run that was started. */
async function trained(
  settings: RunSettings,
  path: (harness: Harness) => Promise<Harness> = async (harness) => harness,
): Promise<Uint8Array> {
  const first = await openHarness();
  await first.load();
  await first.ask("start", { settings });
  const last = await path(first);
  await last.ended();
  const finished = last.of("runs").at(-1)?.runs[0];
  expect(finished?.status).toBe("finished");
  expect(finished?.epochs).toHaveLength(settings.epochs);
  const { bytes } = await last.ask("save", { model: "run" });
  return bytes;
}

const inEpoch = (harness: Harness, iteration: number) =>
  harness.until(() => harness.of("progress").some(({ progress }) => progress.iteration >= iteration));

async function paused(harness: Harness, iteration: number): Promise<Harness> {
  await inEpoch(harness, iteration);
  await harness.ask("pause", {});
  expect(harness.status).toBe("paused");
  return harness;
}

const reloaded = async ({ files }: Harness) => openHarness(files);

describe.each([
  ["VGG", { ...tiny, epochs: 3 }],
  ["the record's network", { ...tiny, recipe: "record", lr: 0.3, epochs: 3 }],
])("%s", (_, settings) => {
  let whole: Uint8Array;

  it("trains to the end", async () => {
    whole = await trained(settings, async (harness) => {
      await harness.ended();
      const statuses = harness.of("status").map(({ status }) => status);
      expect(statuses.filter((status) => status === "validating")).toHaveLength(3);
      expect(statuses.at(-1)).toBe("idle");
      expect(harness.of("snapshot")).toHaveLength(3);
      expect(harness.of("epoch").map(({ entry }) => entry.iteration)).toEqual([3, 6, 9]);
      const { counts } = harness.of("epoch").at(-1)?.confusion ?? { counts: [] };
      expect(counts.flat().reduce((sum, count) => sum + count, 0)).toBe(20);
      return harness;
    });
  });

  it("pauses and goes on to the same bits", async () => {
    const bytes = await trained(settings, async (harness) => {
      await paused(harness, 1);
      expect(await harness.ask("resume", {})).toEqual({ run: harness.of("runs")[1]?.runs[0]?.id });
      return harness;
    });
    expect(bytes).toEqual(whole);
  });

  it("goes on after a reload to the same bits", async () => {
    const bytes = await trained(settings, async (harness) => {
      const later = await reloaded(await paused(harness, 1));
      expect(later.of("opened")[0]?.stored?.name).toBe("small.tar.gz");
      const [run] = later.of("runs")[0]?.runs ?? [];
      expect(run).toMatchObject({ status: "paused", resumable: true });
      await later.ask("resume", {});
      return later;
    });
    expect(bytes).toEqual(whole);
  });

  it("goes on after the loss of the GPU to the same bits", async () => {
    const bytes = await trained(settings, async (harness) => {
      await harness.until(() => harness.of("snapshot").length > 0);
      const question = harness.refusal("confusion", {});
      harness.gpus.at(-1)?.device.raw.destroy();
      await harness.until(() => harness.status === "failed");
      expect(await question).toMatch(/^device-lost: The GPU was lost.* Open the GPU again and resume/);
      expect(harness.of("models").at(-1)?.models).toEqual([]);
      expect(await harness.refusal("resume", {})).toMatch(/^busy: .* Open the GPU again first/);
      await harness.until(() => harness.of("runs").at(-1)?.runs[0]?.status === "interrupted");
      await harness.ask("open", {});
      await harness.ask("resume", {});
      await harness.until(() => harness.status !== "idle");
      return harness;
    });
    expect(bytes).toEqual(whole);
  });
});

describe("a rate that's changed by hand", () => {
  const settings = { ...tiny, epochs: 6 };
  const changed = async (harness: Harness) => {
    await paused(harness, 1);
    await harness.ask("learning-rate", { lr: 0.01 });
    return harness;
  };

  it("is what the schedule goes on from, after a reload too", async () => {
    const rates: number[][] = [];
    const noteRates = async (harness: Harness) => {
      await harness.ended();
      rates.push(
        harness
          .of("runs")
          .at(-1)
          ?.runs[0]?.epochs.map(({ lr }) => lr) ?? [],
      );
      return harness;
    };
    // The pause comes at a step that differs from run to run, so it's the same pause that both go on from.
    const first = await changed(await started(settings));
    await first.ask("resume", {});
    await inEpoch(first, 4);
    await first.ask("pause", {});
    const copy = await openHarness(await copied(first));
    await first.ask("resume", {});
    await noteRates(first);
    await copy.ask("resume", {});
    await copy.until(() => copy.status !== "idle");
    await noteRates(copy);
    expect(rates[0]).toEqual([0.01, 0.01, 0.01, 0.01, 0.005, 0.005]);
    expect(rates[1]).toEqual(rates[0]);
    expect((await copy.ask("save", {})).bytes).toEqual((await first.ask("save", {})).bytes);
  });
});

describe("the list of runs", () => {
  it("keeps stopped ones, resumable, and deletes", async () => {
    const harness = await started({ ...tiny, epochs: 50 });
    await inEpoch(harness, 1);
    await harness.ask("stop", {});
    expect(harness.status).toBe("idle");
    await harness.ask("start", { settings: { ...tiny, epochs: 1, seed: 1 } });
    await harness.ended();
    const later = await reloaded(harness);
    const runs = later.of("runs").at(-1)?.runs ?? [];
    expect(runs.map(({ status, resumable, settings }) => [status, resumable, settings.seed])).toEqual([
      ["finished", true, 1],
      ["stopped", true, 0],
    ]);
    expect(runs[0]?.title).toBe("quick, width 0.0625, CIFAR-100");
    await later.ask("delete", { run: runs[1]?.id ?? "" });
    expect(later.of("runs").at(-1)?.runs).toHaveLength(1);
    expect(await later.refusal("resume", { run: runs[1]?.id ?? "" })).toMatchInlineSnapshot(
      `"invalid: The run has no whole snapshot. Start a new run."`,
    );
  });

  it("is made from snapshots where a file was cut off", async () => {
    const harness = await started({ ...tiny, epochs: 1 });
    await harness.ended();
    const [id = ""] = await harness.files.list("runs");
    await harness.files.write(`runs/${id}/run.json`, new TextEncoder().encode('{"version":1,'));
    const later = await reloaded(harness);
    expect(later.of("runs").at(-1)?.runs[0]).toMatchObject({ id, status: "interrupted", iteration: 3 });
  });

  it("goes on from the older snapshot where the newer one was cut off", async () => {
    const harness = await started({ ...tiny, epochs: 2 });
    await harness.ended();
    const [id = ""] = await harness.files.list("runs");
    const whole = await harness.files.read(`runs/${id}/b.wgrad`);
    const cut = new Uint8Array((await whole?.slice(0, 10_000).arrayBuffer()) ?? new ArrayBuffer(0));
    await harness.files.write(`runs/${id}/b.wgrad`, cut);
    const later = await reloaded(harness);
    await later.ask("resume", { run: id });
    await later.ended();
    expect(later.of("epoch").map(({ entry }) => entry.epoch)).toEqual([2]);
    const bytes = async (each: Harness) => (await each.ask("save", {})).bytes;
    expect(await bytes(later)).toEqual(await bytes(harness));
  });

  it("trains on without snapshots where the storage is full, and says so once for each", async () => {
    const harness = await started({ ...tiny, epochs: 1 });
    harness.files.write = async () => {
      throw new DOMException("the disk is full", "QuotaExceededError");
    };
    await harness.ended();
    expect(harness.of("runs").at(-1)?.runs[0]).toMatchObject({ status: "finished", resumable: false });
    expect(harness.of("problem")[0]?.problem).toMatchInlineSnapshot(`
      {
        "advice": "Delete runs or the stored data, or free space on the disk.",
        "kind": "storage",
        "message": "The disk is full.",
      }
    `);
  });
});

async function started(settings: RunSettings): Promise<Harness> {
  const harness = await openHarness();
  await harness.load();
  await harness.ask("start", { settings });
  return harness;
}

async function copied({ files }: Harness): Promise<MemoryFiles> {
  const copy = new MemoryFiles();
  const paths = ["data/train.bin", "data/test.bin", "data/info.json"];
  for (const id of await files.list("runs"))
    for (const name of await files.list(`runs/${id}`)) paths.push(`runs/${id}/${name}`);
  for (const path of paths) {
    const file = await files.read(path);
    if (file) await copy.write(path, new Uint8Array(await file.arrayBuffer()));
  }
  return copy;
}
