/** The computational graph as Graphviz text. */
import { describe, expect, it } from "vitest";
import {
  add,
  conv2d,
  data,
  graphToDot,
  mul,
  nn,
  noGrad,
  optim,
  relu,
  softmaxCrossEntropy,
  sum,
  train,
} from "wgrad";
import { gpu } from "../support/gpu.ts";

const count = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].length;

describe("graphToDot", () => {
  it("draws ops as boxes and tensors with names and shapes", () => {
    const image = gpu.tensor(new Float32Array(9), [1, 3, 3, 1], { name: 'an "image"' });
    const weight = gpu.tensor(new Float32Array(4), [1, 2, 2, 1], { requiresGrad: true, name: "conv.weight" });
    expect(graphToDot(sum(relu(conv2d(image, weight, {}))))).toMatchInlineSnapshot(`
      "digraph {
        node [fontname="Helvetica", fontsize=11];
        t0 [shape=ellipse, label="an \\"image\\"\\n[1, 3, 3, 1]"];
        t1 [shape=ellipse, style=filled, fillcolor=lightblue, label="conv.weight\\n[1, 2, 2, 1]"];
        op0 [shape=box, label="conv2d\\nconv"];
        t0 -> op0;
        t1 -> op0;
        t2 [shape=ellipse, label="[1, 2, 2, 1]"];
        op0 -> t2;
        op1 [shape=box, label="relu"];
        t2 -> op1;
        t3 [shape=ellipse, label="[1, 2, 2, 1]"];
        op1 -> t3;
        op2 [shape=box, label="sum"];
        t3 -> op2;
        t4 [shape=ellipse, style=bold, label="[]"];
        op2 -> t4;
      }
      "
    `);
  });

  it("draws a tensor that is used twice once, with both edges", () => {
    const x = gpu.tensor([1, 2, 3], [3], { requiresGrad: true });
    const dot = graphToDot(sum(add(mul(x, x), x)));
    expect(count(dot, /label="\[3\]"/g)).toBe(3);
    expect(count(dot, /^ {2}t0 -> /gm)).toBe(3);
    expect(count(dot, /shape=box/g)).toBe(3);
  });

  it("names what can't be drawn", () => {
    const x = gpu.tensor([1, 2], [2], { requiresGrad: true, name: "x" });
    expect(() => graphToDot(x)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [graphToDot] 'x' [2] isn't the result of an op with gradients: compute it from tensors with requiresGrad, outside noGrad]`,
    );
    expect(() => graphToDot(noGrad(() => sum(x)))).toThrow("isn't the result of an op with gradients");
    const loss = sum(mul(x, x));
    loss.backward();
    expect(() => graphToDot(loss)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [graphToDot] backward() has released the graph of tensor []; call graphToDot before it]`,
    );
  });

  it("draws a model of one's own through fit, before the first step, once", async () => {
    class Small extends nn.Module {
      readonly flatten = new nn.Flatten();
      readonly layers = [
        new nn.Linear(gpu, { in: 3072, out: 8 }),
        new nn.Linear(gpu, { in: 8, out: 100 }),
      ] as const;
      forward(images: Parameters<typeof relu>[0]) {
        return this.layers[1].forward(relu(this.layers[0].forward(this.flatten.forward(images))));
      }
    }
    const model = new Small();
    const set = await data.cifar100(gpu, data.syntheticCifar100({ trainCount: 8, testCount: 4 }));
    const graphs: string[] = [];
    let steps = 0;
    await train.fit(model, optim.sgd(model.parameters(), { lr: 0.01 }), set, {
      epochs: 1,
      batch: 4,
      onGraph: (loss) => graphs.push(`${steps} ${graphToDot(loss)}`),
      onProgress: () => {
        steps += 1;
      },
    });
    expect(graphs.map((graph) => graph.slice(0, 2))).toEqual(["0 "]);
    for (const name of ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"])
      expect(graphs[0]).toContain(`label="${name}\\n[`);
    expect(graphs[0]).toContain('label="softmaxCrossEntropy"');
    expect(graphs[0]).toContain('label="[4, 3072]"');
  });

  it("draws VGG: every parameter by its name, every layer's path", () => {
    const model = nn.vgg(gpu, { width: 1 / 64, classes: 10 });
    const dot = gpu.scope(() => {
      const logits = model.forward(gpu.zeros([2, 32, 32, 3]), { training: true });
      return graphToDot(softmaxCrossEntropy(logits, new Int32Array(2)));
    });
    for (const [name, { shape }] of model.namedParameters())
      expect(dot).toContain(`label="${name}\\n[${shape.join(", ")}]"`);
    expect(dot).toContain('label="conv2d\\nstage1.0.conv"');
    expect(dot).toContain('label="maxPool2d"');
    expect(count(dot, /shape=box, label="conv2d/g)).toBe(13);
    // A digraph without edges to nowhere.
    const nodes = new Set([...dot.matchAll(/^ {2}(\w+) \[/gm)].map(([, id]) => id));
    for (const [, from, to] of dot.matchAll(/^ {2}(\w+) -> (\w+);/gm))
      expect([nodes.has(from), nodes.has(to)]).toEqual([true, true]);
  });
});
