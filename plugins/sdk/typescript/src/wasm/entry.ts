/**
 * What `lyceum plugin build` puts around a plugin: it connects the host and
 * repairs the engine. A plugin does not import it.
 */
import { connect, type Imports } from "../host/imports.ts";
import { repair } from "./engine.ts";

export type { Imports };

/** Called once, before the plugin's own module is looked at by anybody. */
export function start(imports: Partial<Imports>): void {
  connect(imports);
  repair();
}

/** The functions of one exported interface. */
export function exported(plugin: unknown, name: string): Record<string, unknown> {
  const found = (plugin as Record<string, Record<string, unknown>> | undefined)?.[name];
  if (found === undefined) {
    throw new Error(`src/plugin.ts must export \`${name}\` by default, as plugin.toml says that it implements it`);
  }
  return found;
}
