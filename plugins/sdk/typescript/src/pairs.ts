/** Pairs of name and value, as they cross the boundary. A name may come twice. */
export type Pairs = [string, string][];

/** The same by name, for what never comes twice. */
export type Ext = Record<string, string>;

export function byName(pairs: Pairs): Ext {
  return Object.fromEntries(pairs);
}

export function toPairs(ext: Ext | undefined): Pairs {
  return Object.entries(ext ?? {});
}

/** The first header of this name; the host gives names in lower case. */
export function header(headers: Pairs, name: string): string | undefined {
  return headers.find(([known]) => known === name.toLowerCase())?.[1];
}
