/**
 * The engine in a component has no operating system: its clock would end the
 * call and its randomness would be the same in every instance. Both come from
 * the host. `console` writes to the host's log.
 */
import { has, imported, type Level } from "../host/imports.ts";
import { decode, encode } from "../host/text.ts";

function now(): number {
  if (!has("clock")) throw new Error("a moderator or ranker is pure: it has no clock");
  return imported("clock").nowMs();
}

function random(): number {
  if (!has("random")) throw new Error("a moderator or ranker is pure: it has no randomness");
  const bytes = imported("random").bytes(8);
  const number = new DataView(Uint8Array.from(bytes).buffer).getBigUint64(0) >> 11n;
  return Number(number) / 2 ** 53;
}

function hostDate(): DateConstructor {
  const Real = Date;
  const HostDate = function (this: unknown, ...values: unknown[]): unknown {
    if (new.target === undefined) return new Real(now()).toString();
    const parts = values.length === 0 ? [now()] : values;
    return Reflect.construct(Real, parts, new.target);
  };
  HostDate.prototype = Real.prototype;
  Object.setPrototypeOf(HostDate, Real);
  return Object.assign(HostDate, { now }) as unknown as DateConstructor;
}

function shown(value: unknown): string {
  if (typeof value === "string") return value;
  return value instanceof Error ? `${value.name}: ${value.message}\n${value.stack ?? ""}` : String(JSON.stringify(value));
}

function line(level: Level) {
  return (...values: unknown[]): void => {
    if (has("log")) imported("log").write(level, values.map(shown).join(" "), []);
  };
}

class HostEncoder {
  readonly encoding = "utf-8";
  encode(text = ""): Uint8Array {
    return encode(text);
  }
}

class HostDecoder {
  readonly encoding = "utf-8";
  decode(bytes: Uint8Array = new Uint8Array()): string {
    return decode(bytes);
  }
}

/** Puts the host in the place of what the engine lacks. */
export function repair(): void {
  const globals = globalThis as Record<string, unknown>;
  globals["Date"] = hostDate();
  Math.random = random;
  globals["console"] = {
    trace: line("trace"),
    debug: line("debug"),
    log: line("info"),
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
  };
  globals["TextEncoder"] ??= HostEncoder;
  globals["TextDecoder"] ??= HostDecoder;
}
