/**
 * A host for tests, in memory. Nothing in here reaches a network or a clock.
 *
 * ```ts
 * const host = fakeHost({ config: { limit: 3 }, http: (request) => respond(200, "{}") });
 * ```
 */
import { connect, type Imports, type Level } from "./host/imports.ts";
import { decode, encode } from "./host/text.ts";
import type { Plugin } from "./plugin.ts";
import type { Pairs } from "./pairs.ts";

type WireRequest = Parameters<Imports["http"]["send"]>[0];
type WireResponse = ReturnType<Imports["http"]["send"]>;
type WireEnvelope = Parameters<Imports["smtp"]["send"]>[0];

export interface FakeOptions {
  config?: object;
  /** The time, in milliseconds since 1970; 0 when left out. */
  nowMs?: number;
  /** Names of the secrets that have a value. */
  secrets?: string[];
  /** Answers requests. Throw `{ tag: "not-sent", val: "…" }` for a failure. */
  http?: (request: WireRequest) => WireResponse;
  smtp?: (envelope: WireEnvelope) => string;
  /** Further interfaces, or others in the place of these. */
  imports?: Partial<Imports>;
}

/** What a test can look at afterwards. */
export interface FakeHost {
  lines: { level: Level; message: string; fields: Pairs }[];
  store: Map<string, Uint8Array>;
  requests: WireRequest[];
  envelopes: WireEnvelope[];
  counts: Map<string, number>;
  /** May be set, to let time pass. */
  nowMs: number;
}

/** A response with this body. */
export function respond(status: number, body = "", headers: Pairs = []): WireResponse {
  return { status, headers, body: encode(body) };
}

/** The text of a body that was sent. */
export function textOf(bytes: Uint8Array): string {
  return decode(bytes);
}

/** Connects a fresh host in memory. */
export function fakeHost(options: FakeOptions = {}): FakeHost {
  const fake: FakeHost = {
    lines: [], store: new Map(), requests: [], envelopes: [], counts: new Map(), nowMs: options.nowMs ?? 0,
  };
  connect({ ...baseline(fake, options), ...granted(fake, options), ...options.imports });
  return fake;
}

function baseline(fake: FakeHost, options: FakeOptions): Partial<Imports> {
  return {
    log: { write: (level, message, fields) => void fake.lines.push({ level, message, fields }) },
    config: { get: () => JSON.stringify(options.config ?? {}) },
    clock: { nowMs: () => fake.nowMs },
    random: { bytes: (length) => Uint8Array.from({ length }, (_, at) => (at * 97 + 13) % 256) },
    metrics: {
      count: (name, add) => void fake.counts.set(name, (fake.counts.get(name) ?? 0) + add),
      observe: (name, value) => void fake.counts.set(name, value),
    },
  };
}

function granted(fake: FakeHost, options: FakeOptions): Partial<Imports> {
  const denied = () => {
    throw { tag: "denied" };
  };
  return {
    "secret-ref": { has: (name) => (options.secrets ?? []).includes(name) },
    kv: store(fake.store),
    http: {
      send(request) {
        fake.requests.push(request);
        return (options.http ?? denied)(request);
      },
    },
    smtp: {
      send(envelope) {
        fake.envelopes.push(envelope);
        return options.smtp?.(envelope) ?? "250 ok";
      },
    },
  };
}

function store(kept: Map<string, Uint8Array>): Imports["kv"] {
  return {
    get: (key) => kept.get(key) ?? null,
    set: (key, value) => void kept.set(key, value),
    delete: (key) => void kept.delete(key),
    keys: (prefix, after, limit) =>
      [...kept.keys()].filter((key) => key.startsWith(prefix) && (after === null || key > after)).sort().slice(0, limit),
  };
}

/** Calls an exported function as the host would: `call(plugin, "moderator", "review", items)`. */
export function call(plugin: Plugin, name: string, method: string, ...values: unknown[]): unknown {
  const found = plugin[name]?.[method] as ((...values: unknown[]) => unknown) | undefined;
  if (found === undefined) throw new Error(`the plugin exports no ${name}.${method}`);
  return found(...values);
}
