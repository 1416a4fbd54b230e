/** Recipe `record` on the command line: what it says, logs, saves, and goes on from. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nn } from "wgrad";
import { outlook } from "../../examples/cifar100/outlook.ts";
import { recipes } from "../../examples/cifar100/recipes.ts";
import type { SavedSettings } from "../../examples/cifar100/settings.ts";
import { complaint, type Outcome, tinyRun, withoutCache } from "../support/command.ts";
import { commandInFolder } from "../support/command-in-folder.ts";

const { folder, command } = await commandInFolder("record");

const cifar100 = (...args: string[]): Promise<Outcome> =>
  command.run(args, { cwd: folder, env: withoutCache(folder) });
const log = (out: string): Record<string, number>[] =>
  JSON.parse(readFileSync(join(folder, out, "log"), "utf8"));

describe("--recipe record", async () => {
  // 48 images in batches of 8: 6 steps an epoch, so that a lookahead period of 5 steps never ends with one.
  const record = [...tinyRun, "--recipe", "record", "-b", "8"];
  const whole = await cifar100(...record, "-e", "3", "-o", "whole");
  const [, , last = {}] = log("whole");
  const { lr } = recipes.record;
  const at = (progress: number) =>
    lr *
    (progress < 0.23 ? 0.2 + (0.8 * progress) / 0.23 : 1 + (0.07 - 1) * ((progress - 0.23) / (1 - 0.23)));

  it("says how long it takes, and judges with test-time augmentation beside the plain accuracy", () => {
    expect(complaint(whole)).toEqual([]);
    expect(whole.stdout).toMatch(/^# At this speed: 3 epochs in \d:\d\d:\d\d; published: 65 % in 1:52:54/m);
    expect(whole.stdout).toMatch(/^# Other counts \(--epoch\): 6 epochs in \d:\d\d:\d\d, 10 epochs in/m);
    const percent = (share = Number.NaN) => `${(100 * share).toFixed(2)} %`;
    expect(whole.stdout).toContain(
      `Test accuracy: ${percent(last["augmented/main/accuracy"])} with test-time augmentation, ` +
        `${percent(last["validation/main/accuracy"])} plain, after `,
    );
    expect(whole.stdout).not.toContain("300 epochs");
  });

  it("logs the rate of a triangle that ends at 0.07 of its peak", () => {
    const lastStepOf = [5, 11, 17];
    expect(log("whole").map((entry) => entry.lr?.toFixed(6))).toEqual(
      lastStepOf.map((step) => at(step / 18).toFixed(6)),
    );
  });

  it("evaluates a snapshot to the accuracies of the log", async () => {
    const { status, stdout, stderr } = await cifar100("--evaluate", "whole/snapshot_epoch_3.wgrad");
    const percent = (share = Number.NaN) => (100 * share).toFixed(2);
    expect([status, stdout]).toEqual([0, `${percent(last["augmented/main/accuracy"])}\n`]);
    expect(stderr).toContain(
      `with test-time augmentation; ${percent(last["validation/main/accuracy"])} plain\n`,
    );
  });

  it("keeps the trained model, with what is known of it, in half precision", async () => {
    const file = "whole/model.safetensors";
    const { metadata, tensors } = nn.decodeSafetensors(readFileSync(join(folder, file)));
    expect(metadata).toMatchObject({
      ...{ model: "vggFast", recipe: "record", epochs: "3", width: "0.0625", dataset: "synthetic" },
      accuracy: String(last["validation/main/accuracy"]),
      accuracy_tta: String(last["augmented/main/accuracy"]),
    });
    expect(tensors["fc.weight"]).toMatchObject({ dtype: "F16", shape: [100, 16] });
    const { status, stdout } = await cifar100("--evaluate", file, "--test-limit", "20");
    const accuracy = 100 * (last["augmented/main/accuracy"] ?? Number.NaN);
    expect(status).toBe(0);
    expect(Math.abs(Number(stdout) - accuracy)).toBeLessThanOrEqual(5); // one image of 20, for halves
  });

  it("goes on from a snapshot with the same bits", async () => {
    const { status } = await cifar100("--resume", "whole/snapshot_epoch_1.wgrad", "-o", "again");
    expect(status).toBe(0);
    const numbers = (out: string) => log(out).map(({ elapsed_time, images_per_second, ...entry }) => entry);
    expect(numbers("again")).toEqual(numbers("whole"));
  });

  it("refuses to halve a rate that follows a triangle", async () => {
    const halving = await cifar100(...record, "--halve-every", "3");
    expect([halving.status, complaint(halving)]).toEqual([
      2,
      ["cifar100: --recipe record has a schedule of its own; leave --halve-every out"],
    ]);
  });

  it("goes on with the triangle of another number of epochs, if asked", async () => {
    const { status } = await cifar100("--resume", "whole/snapshot_epoch_1.wgrad", "-e", "2", "-o", "shorter");
    expect(status).toBe(0);
    expect(log("shorter").map((entry) => entry.lr?.toFixed(6))).toEqual(
      [at(5 / 18), at(11 / 12)].map((lr) => lr.toFixed(6)),
    );
  });
});

describe("outlook", () => {
  it("tells accuracies only of the run that they were measured in", () => {
    const settings: SavedSettings = {
      ...{ ...recipes.record, trainImages: 50_000, testImages: 10_000 },
      recipe: "record",
      dataset: "cifar100",
      earlyStopping: "none",
    };
    expect(outlook(settings, 125).join("\n")).toMatch(
      /10 epochs in 1:13:47 for \d\d\.\d % \(plain \d\d\.\d %\)/,
    );
    expect(outlook({ ...settings, trainImages: 10_000 }, 125).join("\n")).not.toMatch(/ for /);
    expect(outlook({ ...settings, recipe: "quick" }, 125)).toEqual([]);
  });
});
