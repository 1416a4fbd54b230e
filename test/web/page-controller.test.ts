/** What the page asks by itself, and what it makes of answers that come late. */
import { expect, it } from "vitest";
import { type Ask, Controller } from "../../examples/cifar100/web/page/controller.ts";
import { reduce } from "../../examples/cifar100/web/page/reduce.ts";
import { type Action, initialState, type State } from "../../examples/cifar100/web/page/state.ts";
import { createStore } from "../../examples/cifar100/web/page/store.ts";
import type { ModelKind } from "../../examples/cifar100/web/protocol.ts";

const model = (kind: ModelKind) => ({
  ...{ kind, title: kind, classes: ["a", "b"], synthetic: false, parameters: 1, layers: [] },
});

it("asks again where another model came before the answer", async () => {
  const asked: unknown[] = [];
  const waiting: (() => void)[] = [];
  const ask = ((_: string, { model: kind }: { model: string }) => {
    asked.push(kind);
    return new Promise((resolve) => waiting.push(() => resolve([{ label: 0, name: kind, confidence: 1 }])));
  }) as Ask;
  const store = createStore<State, Action>({ ...initialState, tab: "classify" }, reduce);
  const control = new Controller(ask, store);
  store.dispatch({ type: "models", models: [model("pretrained")] });
  store.dispatch({ type: "picture", picture: { name: "cat.png", pixels: new Uint8Array(3072) } });
  const classified = control.classify();
  store.dispatch({ type: "models", models: [model("run"), model("pretrained")] });
  control.refresh(); // one question at a time
  expect(asked).toEqual(["pretrained"]);
  waiting.shift()?.();
  await Promise.resolve();
  await expect.poll(() => asked).toEqual(["pretrained", "run"]);
  expect(store.state.guesses).toBeUndefined();
  waiting.shift()?.();
  await classified;
  expect(store.state.guesses?.[0]?.name).toBe("run");
});
