import { asking } from "../error.ts";
import { imported } from "./imports.ts";
import { bytesOf, decode } from "./text.ts";

/** Keys that are asked for at once. */
const PAGE = 1000;

/** A small store of the plugin's own. Needs `[permissions.kv]`. */
export const kv = {
  get(key: string): Uint8Array | undefined {
    return asking(() => imported("kv").get(key)) ?? undefined;
  },
  getText(key: string): string | undefined {
    const bytes = kv.get(key);
    return bytes && decode(bytes);
  },
  getJson<T>(key: string): T | undefined {
    const text = kv.getText(key);
    return text === undefined ? undefined : (JSON.parse(text) as T);
  },
  /** At most 64 KiB; code `quota` when the store is full. */
  set(key: string, value: string | Uint8Array): void {
    asking(() => imported("kv").set(key, bytesOf(value)));
  },
  setJson(key: string, value: unknown): void {
    kv.set(key, JSON.stringify(value));
  },
  delete(key: string): void {
    asking(() => imported("kv").delete(key));
  },
  /** All keys that begin with a prefix, in byte order, fetched in parts. */
  *keys(prefix = ""): Generator<string> {
    let after: string | null = null;
    for (;;) {
      const page: string[] = asking(() => imported("kv").keys(prefix, after, PAGE));
      yield* page;
      after = page.at(-1) ?? null;
      if (page.length < PAGE) return;
    }
  },
};
