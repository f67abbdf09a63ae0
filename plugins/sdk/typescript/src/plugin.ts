/**
 * The exports of a plugin, by the name of the interface. The functions take and
 * give what crosses the boundary; the `define…` functions make them.
 */
export type Plugin = Record<string, Record<string, (...values: never[]) => unknown>>;

/** One plugin out of several: `definePlugin(defineNotifier(…), defineLifecycle(…))`. */
export function definePlugin(...parts: Plugin[]): Plugin {
  return Object.assign({}, ...parts) as Plugin;
}
