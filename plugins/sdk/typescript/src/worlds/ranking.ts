import { answering, PluginError } from "../error.ts";
import { byName, type Ext, type Pairs } from "../pairs.ts";
import type { Plugin } from "../plugin.ts";

/** The columns that the host has; every value is a number in JavaScript. */
export type ColumnName = "age-hours" | "enrolments" | "comments" | "lessons" | "price-minor" | "affinity" | (string & {});

/** What a ranker may know of the asking. */
export interface RankContext {
  /** The list: `recommended-courses`. */
  surface: string;
  /** A language tag: `zh-CN`. */
  locale: string;
  /** When it was asked; a ranker has no clock. */
  now: Date;
  /** The number of items. */
  count: number;
  ext: Ext;
}

export interface Ranker<N extends ColumnName = ColumnName> {
  /** The columns it wants. */
  columns: readonly N[];
  /** One finite score for each item; the highest comes first. */
  rank(context: RankContext, columns: Record<N, ArrayLike<number>>): Iterable<number>;
}

interface WireContext {
  surface: string;
  locale: string;
  nowMs: number;
  count: number;
  ext: Pairs;
}
interface WireColumn {
  name: string;
  values: { tag: string; val: ArrayLike<number> };
}

export function defineRanker<const N extends ColumnName>(ranker: Ranker<N>): Plugin {
  return {
    ranker: {
      columns: () => [...ranker.columns],
      rank: answering((context: WireContext, columns: WireColumn[]) => {
        const named = new Map(columns.map(({ name, values }) => [name, values.val]));
        const wanted = ranker.columns.map((name) => [name, checked(name, named.get(name), context.count)]);
        const { surface, locale, nowMs, count, ext } = context;
        const asked = { surface, locale, now: new Date(nowMs), count, ext: byName(ext) };
        return [...ranker.rank(asked, Object.fromEntries(wanted) as Record<N, ArrayLike<number>>)];
      }),
    },
  };
}

function checked(name: string, values: ArrayLike<number> | undefined, count: number): ArrayLike<number> {
  if (values?.length === count) return values;
  throw new PluginError("invalid", `the column ${name} has not ${count} values`);
}
