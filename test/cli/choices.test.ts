/** What the user chooses on the command line: data set, download, recipe, early stopping, adapter. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { data, nn } from "wgrad";
import { cacheFolder } from "wgrad/node";
import { encodeRecords } from "../../src/data/cifar-binary.ts";
import { cifar10Format } from "../../src/data/cifar-format.ts";
import { tarGz } from "../data/archives.ts";
import { complaint, type Outcome, tinyRun, withoutCache } from "../support/command.ts";
import { commandInFolder } from "../support/command-in-folder.ts";

const { folder, command } = await commandInFolder("choices");

const cifar100 = (...args: string[]): Promise<Outcome> =>
  command.run(args, { cwd: folder, env: withoutCache(folder) });
const log = (out: string): Record<string, number>[] =>
  JSON.parse(readFileSync(join(folder, out, "log"), "utf8"));
const onlyLine = (outcome: Outcome) => {
  expect(complaint(outcome)).toHaveLength(1);
  return complaint(outcome)[0]?.replaceAll(folder, "FOLDER");
};

describe("--early-stopping", () => {
  it("ends the run, says why, and a resumed run ends where it did", async () => {
    // At this rate the accuracy on 20 images of 100 classes doesn't rise for long.
    const metric = "validation/main/accuracy";
    const { status, stdout } = await cifar100(
      ...tinyRun,
      "-e",
      "40",
      "-o",
      "early",
      "--early-stopping",
      metric,
    );
    expect(status).toBe(0);
    const entries = log("early");
    expect(entries.length).toBeLessThan(40);
    const values = entries.map((entry) => entry[metric] ?? 0);
    const best = values.indexOf(Math.max(...values)) + 1;
    expect(entries.length).toBe(best + 3);
    expect(stdout).toContain(
      `Stopped early: ${metric} was best after epoch ${best} and no better in the 3 epochs since; --early-stopping none goes on.`,
    );
    const { metadata } = nn.decodeSafetensors(readFileSync(join(folder, "early/model.safetensors")));
    expect(metadata.epochs).toBe(String(entries.length));

    const last = `early/snapshot_epoch_${entries.length}.wgrad`;
    const again = await cifar100("--resume", last, "-o", "again");
    expect([again.status, log("again").length]).toEqual([0, entries.length]);
    expect(again.stdout).toContain("Stopped early: ");
    const end = String(entries.length + 1);
    const longer = await cifar100("--resume", last, "-o", "longer", "-e", end, "--early-stopping", "none");
    expect([longer.status, log("longer").length]).toEqual([0, entries.length + 1]);
  });
});

describe("cg.dot", () => {
  it("draws the model with its parameters' names and shapes", () => {
    const dot = readFileSync(join(folder, "early/cg.dot"), "utf8");
    expect(dot).toMatch(/^digraph \{\n.*\}\n$/s);
    expect(dot).toContain('label="head.fc2.weight\\n[100, 32]"');
    expect(dot).toContain('label="softmaxCrossEntropy"');
    expect([...dot.matchAll(/shape=box, label="conv2d/g)]).toHaveLength(13);
  });
});

describe("--recipe chainer-v7", () => {
  it("takes batches of 64 at a rate of 0.05, for 300 epochs unless told otherwise", async () => {
    const small = ["--dataset", "synthetic", "--width", "0.0625", "--train-limit", "64", "--test-limit", "5"];
    const { status, stdout } = await cifar100(...small, "--recipe", "chainer-v7", "-e", "1", "-o", "seven");
    expect(status).toBe(0);
    expect(stdout).toContain("# Recipe: chainer-v7, width 0.0625, learning rate 0.05");
    expect(stdout).toContain("# Minibatch-size: 64\n");
    expect([log("seven")[0]?.lr, log("seven")[0]?.iteration]).toEqual([0.05, 1]);
  });
});

describe("--dataset cifar10", () => {
  it("without the set is one line that says what to do", async () => {
    const outcome = await cifar100("-d", "cifar10", "-o", "none");
    expect(outcome.status).toBe(1);
    expect(onlyLine(outcome)).toMatchInlineSnapshot(
      `"cifar100: [cifar10] CIFAR-10 isn't in ./data nor in the cache: pass --download, or download https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz and pass --data cifar-10-binary.tar.gz (or put it in ./data/)"`,
    );
    expect(existsSync(join(folder, "none"))).toBe(false);
  });

  it("trains a model of 10 classes, and evaluates it", async () => {
    const { train, test } = data.syntheticCifar100({ trainCount: 40, testCount: 10 });
    const ten = (set: data.ImageSet) => {
      const labels = set.labels.map((label) => label % 10);
      return encodeRecords(cifar10Format, { ...set, labels });
    };
    const images = ten(train);
    const batch = images.length / 5;
    const files = [0, 1, 2, 3, 4].map((k) => ({
      name: `data_batch_${k + 1}.bin`,
      body: images.subarray(k * batch, (k + 1) * batch),
    }));
    writeFileSync(join(folder, "own.tar.gz"), tarGz([...files, { name: "test_batch.bin", body: ten(test) }]));
    const own = ["-d", "cifar10", "--data", "own.tar.gz", "--unofficial"];
    const trained = await cifar100(...own, "--width", "0.0625", "-b", "20", "-e", "1", "-o", "ten");
    expect([complaint(trained), trained.status]).toEqual([[], 0]);
    expect(trained.stdout).toContain("# Data: CIFAR-10, 40 training and 10 test images");
    expect(readFileSync(join(folder, "ten/cg.dot"), "utf8")).toContain("head.fc2.weight\\n[10, 32]");
    expect(log("ten")[0]?.["main/loss"]).toBeLessThan(4); // ln(10) = 2.3, of 100 classes 4.6

    const snapshot = "ten/snapshot_epoch_1.wgrad";
    const { stdout } = await cifar100("--evaluate", snapshot, "--data", "own.tar.gz", "--unofficial");
    expect(stdout).toBe(`${(100 * (log("ten")[0]?.["validation/main/accuracy"] ?? -1)).toFixed(2)}\n`);
    expect(onlyLine(await cifar100("--evaluate", snapshot, "-d", "synthetic"))).toBe(
      "cifar100: the model tells 10 classes apart, but the test set has 100: name the set that it learnt by --dataset or --data",
    );
    const other = await cifar100("--resume", snapshot, "-d", "cifar100", "-o", "ten");
    expect([other.status, onlyLine(other)]).toEqual([
      2,
      expect.stringContaining("--dataset cifar100 differs"),
    ]);
  });

  it("names the file that is wrong, in --data and in ./data", async () => {
    const archive = tarGz([{ name: "cifar-10-batches-bin/test_batch.bin", body: "cut" }]);
    writeFileSync(join(folder, "ten.tar.gz"), archive);
    const given = await cifar100("-d", "cifar10", "--data", "ten.tar.gz");
    expect([given.status, onlyLine(given)]).toMatchInlineSnapshot(`
      [
        1,
        "cifar100: [cifar10] 'cifar-10-batches-bin/test_batch.bin' in 'FOLDER/ten.tar.gz' must be 30,730,000 bytes (10,000 images of 3,073), but got 3; it is truncated or another file: download the binary version of CIFAR-10 again, or pass --unofficial for a set of your own in this format (https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz)",
      ]
    `);
    mkdirSync(join(folder, "data"));
    writeFileSync(join(folder, "data/cifar-10-binary.tar.gz"), archive);
    const found = await cifar100("-d", "cifar10");
    expect(onlyLine(found)).toContain(
      "test_batch.bin' in 'FOLDER/data/cifar-10-binary.tar.gz' must be 30,730,000 bytes",
    );
    rmSync(join(folder, "data"), { recursive: true });
    const asHundred = tarGz([{ name: "cifar-10-batches-bin/data_batch_1.bin", body: "x" }]);
    writeFileSync(join(folder, "ten.tar.gz"), asHundred);
    expect(onlyLine(await cifar100("--data", "ten.tar.gz"))).toContain(
      "(for CIFAR-10 pass --dataset cifar10)",
    );
  });
});

describe("--download", () => {
  it("without network is one line that says what to do", async () => {
    const outcome = await cifar100("--download", "http://127.0.0.1:1/cifar-100-binary.tar.gz");
    expect(outcome.status).toBe(1);
    expect(onlyLine(outcome)).toMatchInlineSnapshot(
      `"cifar100: [download] 127.0.0.1:1 can't be reached (ECONNREFUSED): check the network, or get http://127.0.0.1:1/cifar-100-binary.tar.gz by hand and pass --data cifar-100-binary.tar.gz"`,
    );
  });

  it("stopped by Ctrl-C keeps what came, exits 130 and says so", async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { "content-length": 1000 }).write("the first bytes");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/set.tar.gz`;
    const part = join(cacheFolder(withoutCache(folder)), "datasets/cifar-100-binary.tar.gz.part");
    const came = () => existsSync(part) && readFileSync(part, "utf8") === "the first bytes";
    const stopped = await command.run(["--download", address], {
      cwd: folder,
      env: withoutCache(folder),
      onOutput: async (child, stdout) => {
        if (stdout.includes("Stopping") || !stdout.includes("Downloading")) return;
        await expect.poll(came, { timeout: 10_000 }).toBe(true);
        child.kill("SIGINT");
      },
    });
    server.closeAllConnections();
    server.close();
    expect([stopped.status, onlyLine(stopped)]).toEqual([
      130,
      "cifar100: the download was stopped; what came is kept: the same command goes on from there",
    ]);
    expect(came()).toBe(true);
    rmSync(part);
  });

  it("of what isn't the set, or isn't there, is an error; later runs find the set in the cache", async () => {
    const server = createServer((request, response) => {
      response.writeHead(request.url === "/other" ? 200 : 404).end("another file");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const missing = await cifar100("-d", "cifar10", "--download", `${address}/cifar-10-binary.tar.gz`);
      expect([missing.status, onlyLine(missing)]).toEqual([
        1,
        `cifar100: [download] the server answered 404 Not Found for ${address}/cifar-10-binary.tar.gz: the file has moved or ` +
          `the network wants a login; get ${address}/cifar-10-binary.tar.gz by hand and pass --data cifar-10-binary.tar.gz`,
      ]);
      expect(missing.stdout).toContain(`Downloading ${address}/cifar-10-binary.tar.gz into `);
      const other = await cifar100("--download", `${address}/other`);
      expect(onlyLine(other)).toContain("but must have 03b5dce01913d631647c71ecec9e9cb8");
    } finally {
      server.close();
    }
    const cache = join(cacheFolder(withoutCache(folder)), "datasets");
    writeFileSync(join(cache, "cifar-100-binary.tar.gz"), "no archive");
    const found = await cifar100();
    expect(onlyLine(found)).toContain(`'${cache.replace(folder, "FOLDER")}`);
    rmSync(join(cache, "cifar-100-binary.tar.gz"));
  });
});

describe("--device", () => {
  it("list prints what --device and --gpu can be, and nothing else", async () => {
    const { status, stdout } = await cifar100("--device", "list");
    expect(status).toBe(0);
    const adapters = stdout.trimEnd().split("\n");
    expect(adapters[0]).toMatch(/^.+ \(\w+\)$/);
    const chosen = await cifar100(...tinyRun, "-e", "1", "-o", "named", "-g", adapters[0] ?? "");
    expect([complaint(chosen), chosen.status]).toEqual([[], 0]);
    const unknown = await cifar100(...tinyRun, "--device", "Voodoo 2");
    expect(unknown.status).toBe(1);
    expect(onlyLine(unknown)).toBe(
      `cifar100: [createGpu] no adapter's name holds 'Voodoo 2'; there are ${adapters.map((name) => `'${name}'`).join(", ")}`,
    );
  });
});

describe("usage", () => {
  it.each([
    [
      ["--early-stopping", "accuracy"],
      "option '--early-stopping <metric>' argument 'accuracy' is invalid. It must be main/loss, main/accuracy, " +
        "validation/main/loss, validation/main/accuracy or none",
    ],
    [["--gpu", "1"], "WebGPU has no numbered devices: use 0, or a name that --device list prints"],
    [["--download", "cifar.tar.gz"], "It must be an address that starts with https:// or http://"],
    [["--download", "--data", "x"], "--download gets a real set; leave it out, or leave out --data"],
    [["-d", "mnist"], "Allowed choices are cifar10, cifar100, synthetic"],
    [["--recipe", "chainer"], "Allowed choices are chainer-2016, chainer-v7, record, quick"],
  ])("%j is wrong: status 2, one line", async (args, message) => {
    const outcome = await cifar100(...args);
    expect(outcome.status).toBe(2);
    expect(onlyLine(outcome)).toContain(message);
  });
});
