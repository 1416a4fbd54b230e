/** Tensors that are neighbours in memory, joined, so that one dispatch does what a dispatch each would do. */
import type { BufferView } from "../../gpu/buffers.ts";
import { arenaAlignment } from "../../tensor/arena.ts";

/** What a dispatch goes through side by side, of equal length, by its kernel's names: a parameter, its gradient, its velocity. */
export type Views<K extends string> = Readonly<Record<K, BufferView>>;

export interface Row<K extends string> {
  readonly views: Views<K>;
  /** Rows of different groups stay apart. */
  readonly group: number;
}

export interface Range<K extends string> extends Row<K> {
  /** vec4s; the last may be partly padding. */
  readonly n: number;
}

/** The rows, with those joined that follow the one before in all of their views. */
export function joinRows<K extends string>(rows: readonly Row<K>[]): Range<K>[] {
  const joined: Row<K>[] = [];
  for (const row of rows) {
    const last = joined.at(-1);
    const views = last?.group === row.group && joinViews(last.views, row.views);
    if (views) joined[joined.length - 1] = { ...row, views };
    else joined.push(row);
  }
  return joined.map((row) => {
    const [first] = Object.values<BufferView>(row.views);
    return { ...row, n: Math.ceil((first?.byteLength ?? 0) / 16) };
  });
}

/** The same names with other values. */
export function mapValues<K extends string, A, B>(
  record: Readonly<Record<K, A>>,
  change: (value: A, name: K) => B,
): Record<K, B> {
  const entries = Object.entries<A>(record).map(([name, value]) => [name, change(value, name as K)] as const);
  return Object.fromEntries(entries) as Record<K, B>;
}

function joinViews<K extends string>(before: Views<K>, after: Views<K>): Views<K> | undefined {
  const follows = mapValues(before, (view, name) => isNext(view, after[name]));
  if (!Object.values(follows).every(Boolean)) return undefined;
  return mapValues(before, ({ buffer, byteOffset }, name) => {
    const { byteOffset: start, byteLength } = after[name];
    return { buffer, byteOffset, byteLength: start + byteLength - byteOffset };
  });
}

function isNext({ buffer, byteOffset, byteLength }: BufferView, next: BufferView): boolean {
  const end = byteOffset + Math.ceil(byteLength / arenaAlignment) * arenaAlignment;
  return next.buffer === buffer && next.byteOffset === end;
}
