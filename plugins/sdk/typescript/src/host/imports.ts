/**
 * The host's interfaces as they cross the boundary. In a component they are the
 * real ones, in a test those of `@lyceum/sdk/testing`. A plugin has only those
 * that its manifest asks for.
 */
import type { Pairs } from "../pairs.ts";

export type Level = "trace" | "debug" | "info" | "warn" | "error";

export type WireHeader = { tag: "plain"; val: string } | { tag: "secret"; val: [string, string] };

export interface WireEntry {
  id: string;
  typeName: string;
  status: string;
  locale: string;
  fields: string;
  ext: Pairs;
}

export interface Imports {
  log: { write(level: Level, message: string, fields: Pairs): void };
  config: { get(): string };
  clock: { nowMs(): number };
  random: { bytes(length: number): Uint8Array };
  metrics: {
    count(name: string, add: number, labels: Pairs): void;
    observe(name: string, value: number, labels: Pairs): void;
  };
  "secret-ref": { has(name: string): boolean };
  kv: {
    get(key: string): Uint8Array | null;
    set(key: string, value: Uint8Array): void;
    delete(key: string): void;
    keys(prefix: string, after: string | null, limit: number): string[];
  };
  http: {
    send(request: { method: string; url: string; headers: [string, WireHeader][]; body: Uint8Array }): {
      status: number;
      headers: Pairs;
      body: Uint8Array;
    };
  };
  smtp: {
    send(envelope: {
      server: string;
      login: { user: string; secret: string } | null;
      sender: string;
      recipients: string[];
      message: Uint8Array;
    }): string;
  };
  crypto: {
    sign(key: string, algorithm: string, message: Uint8Array): Uint8Array;
    verify(key: string, algorithm: string, message: Uint8Array, signature: Uint8Array): void;
    open(key: string, algorithm: string, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array;
    seal(key: string, algorithm: string, plain: Uint8Array): Uint8Array;
    trust(name: string, certificate: Uint8Array): string;
    hash(algorithm: string, message: Uint8Array): Uint8Array;
    publicKey(key: string): Uint8Array;
  };
  "content-read": {
    get(typeName: string, id: string, locale: string | null): WireEntry | null;
    list(query: {
      typeName: string;
      filter: string | null;
      locale: string | null;
      after: string | null;
      limit: number;
    }): { entries: WireEntry[]; next: string | null };
  };
  "content-write": {
    create(typeName: string, input: string): string;
    update(typeName: string, id: string, input: string): void;
    publish(typeName: string, id: string): void;
    unpublish(typeName: string, id: string): void;
    delete(typeName: string, id: string): void;
  };
  events: {
    emit(name: string, subject: string | null, data: string): void;
    read(after: number, limit: number): {
      position: number;
      name: string;
      subject: string | null;
      atMs: number;
      data: string;
    }[];
  };
}

let connected: Partial<Imports> = {};

/** Takes the host's interfaces; what was there before is gone. */
export function connect(imports: Partial<Imports>): void {
  connected = imports;
}

/** The interface of this name. */
export function imported<N extends keyof Imports>(name: N): Imports[N] {
  const found = connected[name];
  if (found === undefined) {
    throw new Error(`the plugin has no \`${name}\`: ask for it with [permissions.${name}] in plugin.toml`);
  }
  return found as Imports[N];
}

/** Whether the plugin has the interface of this name. */
export function has(name: keyof Imports): boolean {
  return connected[name] !== undefined;
}
