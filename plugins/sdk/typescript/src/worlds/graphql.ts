import { toWire } from "../error.ts";
import { byName, type Ext, type Pairs } from "../pairs.ts";
import type { Plugin } from "../plugin.ts";

/** What is asked of a field. */
export interface FieldRequest {
  /** The parent's type: `Lesson`. */
  typeName: string;
  field: string;
  args: Record<string, unknown>;
  /** The language asked for. */
  locale: string;
  /** The global id of the viewer; none for a visitor. */
  viewer: string | undefined;
  ext: Ext;
}

/** A parent: its `id`, and the fields that the manifest's `@needs` names. */
export type Parent = { id: string } & Record<string, unknown>;

/** The answer for one parent. What it throws makes this one field null. */
export type Resolver = (parent: Parent, request: FieldRequest) => unknown;

/** By type and field: `{ Lesson: { readingMinutes: … } }`. */
export type Resolvers = Record<string, Record<string, Resolver>>;

interface WireRequest {
  typeName: string;
  field: string;
  args: string;
  locale: string;
  viewer: string | null;
  ext: Pairs;
}

export function defineResolvers(resolvers: Resolvers): Plugin {
  const resolveBatch = (wire: WireRequest, parents: string[]) => {
    const { typeName, field, locale, viewer, args, ext } = wire;
    const resolver = resolvers[typeName]?.[field];
    const request = { typeName, field, locale, viewer: viewer ?? undefined, args: JSON.parse(args), ext: byName(ext) };
    return parents.map((parent) => answer(resolver, parent, request));
  };
  return { fieldResolver: { resolveBatch } };
}

function answer(resolver: Resolver | undefined, parent: string, request: FieldRequest) {
  try {
    if (resolver === undefined) throw new Error(`there is no resolver for ${request.typeName}.${request.field}`);
    return { tag: "ok", val: JSON.stringify(resolver(JSON.parse(parent) as Parent, request) ?? null) };
  } catch (thrown) {
    return { tag: "err", val: toWire(thrown) };
  }
}
