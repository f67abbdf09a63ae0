import { answering, toWire } from "../error.ts";
import type { Plugin } from "../plugin.ts";

/** What is wrong with one field of the configuration. */
export interface FieldError {
  /** A JSON pointer: `/gateway-url`. */
  path: string;
  /** For the owner, in English. */
  message: string;
}

/** The moments in a plugin's life; each may be left out. */
export interface Lifecycle<C = Record<string, unknown>> {
  /** Throws when the plugin cannot serve. Asked once at activation. */
  health?(): void;
  /** Looks at a configuration before it is put in force and says what is wrong. */
  configure?(config: C): FieldError[];
  /** Brings the plugin's own store to this version from the one given. */
  migrate?(fromVersion: string): void;
}

export function defineLifecycle<C = Record<string, unknown>>(lifecycle: Lifecycle<C>): Plugin {
  return {
    lifecycle: {
      health: answering(() => lifecycle.health?.()),
      configure: (json: string) => refuse(problems(lifecycle, json)),
      migrate: answering((from: string) => lifecycle.migrate?.(from)),
    },
  };
}

function problems<C>(lifecycle: Lifecycle<C>, json: string): FieldError[] {
  try {
    return lifecycle.configure?.(JSON.parse(json) as C) ?? [];
  } catch (thrown) {
    return [{ path: "", message: toWire(thrown).message }];
  }
}

function refuse(problems: FieldError[]): void {
  if (problems.length > 0) throw problems;
}
