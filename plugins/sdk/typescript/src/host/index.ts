import { asking } from "../error.ts";
import { toPairs, type Ext } from "../pairs.ts";
import { content } from "./content.ts";
import { crypto } from "./crypto.ts";
import { events } from "./events.ts";
import { http } from "./http.ts";
import { imported } from "./imports.ts";
import { kv } from "./kv.ts";
import { log } from "./log.ts";
import { smtp } from "./smtp.ts";

/** What the host offers. Moderators and rankers are pure and have none of it. */
export const host = {
  log,
  /** The configuration as the owner wrote it, checked against the plugin's schema. */
  config<T = Record<string, unknown>>(): T {
    return JSON.parse(imported("config").get()) as T;
  },
  now(): Date {
    return new Date(imported("clock").nowMs());
  },
  /** Bytes that nobody can foresee; at most 4096. */
  random(length: number): Uint8Array {
    return imported("random").bytes(length);
  },
  /** Adds to a counter on the owner's dashboard. */
  count(name: string, add = 1, labels: Ext = {}): void {
    imported("metrics").count(name, add, toPairs(labels));
  },
  /** Records one value of a distribution. */
  observe(name: string, value: number, labels: Ext = {}): void {
    imported("metrics").observe(name, value, toPairs(labels));
  },
  /** Whether a secret of this name is granted and has a value. */
  hasSecret(name: string): boolean {
    return asking(() => imported("secret-ref").has(name));
  },
  kv,
  http,
  smtp,
  crypto,
  content,
  events,
};
