import { asking } from "../error.ts";
import { byName, type Ext } from "../pairs.ts";
import { imported, type WireEntry } from "./imports.ts";

/** An entry as it is published, or its first draft. */
export interface Entry<F = Record<string, unknown>> {
  /** The global id: `course_01hz…`. */
  id: string;
  /** `course`, `lesson` … */
  typeName: string;
  status: string;
  locale: string;
  /** Named as in the API. */
  fields: F;
  ext: Ext;
}

export interface Query {
  typeName: string;
  /** A filter of the API: `{ level: { eq: "ADVANCED" } }`. */
  filter?: unknown;
  /** The default language when left out. */
  locale?: string;
}

/** Entries that are asked for at once. */
const PAGE = 100;

function read<F>(entry: WireEntry): Entry<F> {
  return { ...entry, fields: JSON.parse(entry.fields) as F, ext: byName(entry.ext) };
}

/**
 * Entries of the granted types. Reading needs `[permissions.content-read]`,
 * writing `[permissions.content-write]`.
 */
export const content = {
  get<F = Record<string, unknown>>(typeName: string, id: string, locale?: string): Entry<F> | undefined {
    const entry = asking(() => imported("content-read").get(typeName, id, locale ?? null));
    return entry === null ? undefined : read<F>(entry);
  },
  /** All entries of a query, fetched in parts. */
  *list<F = Record<string, unknown>>({ typeName, filter, locale }: Query): Generator<Entry<F>> {
    let after: string | null = null;
    do {
      const asked = {
        typeName,
        filter: filter === undefined ? null : JSON.stringify(filter),
        locale: locale ?? null,
        after,
        limit: PAGE,
      };
      const page: { entries: WireEntry[]; next: string | null } = asking(() => imported("content-read").list(asked));
      for (const entry of page.entries) yield read<F>(entry);
      after = page.next;
    } while (after !== null);
  },
  /** Makes a draft and gives its id. Code `invalid` names the wrong field. */
  create(typeName: string, input: object): string {
    return asking(() => imported("content-write").create(typeName, JSON.stringify(input)));
  },
  update(typeName: string, id: string, input: object): void {
    asking(() => imported("content-write").update(typeName, id, JSON.stringify(input)));
  },
  publish(typeName: string, id: string): void {
    asking(() => imported("content-write").publish(typeName, id));
  },
  unpublish(typeName: string, id: string): void {
    asking(() => imported("content-write").unpublish(typeName, id));
  },
  delete(typeName: string, id: string): void {
    asking(() => imported("content-write").delete(typeName, id));
  },
};
