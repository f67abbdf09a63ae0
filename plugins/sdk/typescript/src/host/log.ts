import { imported, type Level } from "./imports.ts";
import type { Pairs } from "../pairs.ts";

/** Values that stand beside a line; they are written as texts. */
export type Fields = Record<string, unknown>;

function texts(fields: Fields): Pairs {
  return Object.entries(fields).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value) ?? "undefined"]);
}

function writing(level: Level) {
  return (message: string, fields: Fields = {}): void => imported("log").write(level, message, texts(fields));
}

/** Lines in the server's log, marked with the plugin's id. At most 16 KiB a call. */
export const log = {
  trace: writing("trace"),
  debug: writing("debug"),
  info: writing("info"),
  warn: writing("warn"),
  error: writing("error"),
};
