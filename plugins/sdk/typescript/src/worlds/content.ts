import { answering } from "../error.ts";
import { byName, type Ext, type Pairs } from "../pairs.ts";
import type { Plugin } from "../plugin.ts";

/** Who does it. */
export interface Actor {
  user: string | undefined;
  roles: string[];
  plugin: string | undefined;
}

/** One field in one language. The value is of the field's type; references are global ids. */
export interface FieldValue {
  field: string;
  /** For a localised field. */
  locale?: string | undefined;
  value: unknown;
}

/** An entry, whole. */
export interface HookEntry {
  typeName: string;
  /** None: it is about to be made. */
  id: string | undefined;
  status: string;
  fields: FieldValue[];
  ext: Ext;
}

/** What happened. */
export interface Fact {
  /** The same over repetitions. */
  event: string;
  typeName: string;
  id: string;
  actor: Actor;
  at: Date;
  /** None: it is gone. */
  entry: HookEntry | undefined;
}

/** Throw it to refuse a change. */
export class Rejection extends Error {
  override name = "Rejection";

  constructor(
    /** For the person who made the change, by language tag. */
    readonly messages: Record<string, string>,
    readonly field?: string,
  ) {
    super(messages["en"] ?? Object.values(messages)[0] ?? "refused");
  }
}

/** The value of a field, in one language when it is localised. */
export function valueOf(fields: FieldValue[], field: string, locale?: string): unknown {
  return fields.find((known) => known.field === field && (locale === undefined || known.locale === locale))?.value;
}

type Changes = FieldValue[] | void;

/** Each may be left out. Called again with its own answer, a hook must answer the same. */
export interface BeforeHooks {
  /** Gives the fields to be set differently. */
  create?(actor: Actor, proposed: HookEntry): Changes;
  update?(actor: Actor, current: HookEntry, changes: FieldValue[]): Changes;
  publish?(actor: Actor, entry: HookEntry): void;
  delete?(actor: Actor, entry: HookEntry): void;
}

/** Each may be left out. Called at least once, in order for each entry. */
export interface AfterHooks {
  create?(fact: Fact): void;
  update?(fact: Fact): void;
  publish?(fact: Fact): void;
  delete?(fact: Fact): void;
}

interface WireActor {
  user: string | null;
  roles: string[];
  plugin: string | null;
}
interface WireField {
  field: string;
  locale: string | null;
  value: string;
}
interface WireEntry {
  typeName: string;
  id: string | null;
  status: string;
  fields: WireField[];
  ext: Pairs;
}
interface WireFact {
  event: string;
  typeName: string;
  id: string;
  actor: WireActor;
  atMs: number;
  entry: WireEntry | null;
}

const readActor = ({ user, roles, plugin }: WireActor): Actor => ({
  user: user ?? undefined,
  roles,
  plugin: plugin ?? undefined,
});

const readFields = (fields: WireField[]): FieldValue[] =>
  fields.map(({ field, locale, value }) => ({ field, locale: locale ?? undefined, value: JSON.parse(value) as unknown }));

const readEntry = ({ typeName, id, status, fields, ext }: WireEntry): HookEntry => ({
  typeName,
  id: id ?? undefined,
  status,
  fields: readFields(fields),
  ext: byName(ext),
});

const writeFields = (fields: Changes): WireField[] =>
  (fields ?? []).map(({ field, locale, value }) => ({ field, locale: locale ?? null, value: JSON.stringify(value) }));

function guarding<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    // Anything else ends the call, and the host does what its policy says.
    if (!(thrown instanceof Rejection)) throw thrown;
    throw { field: thrown.field ?? null, messages: Object.entries(thrown.messages) };
  }
}

export function defineBeforeHooks(hooks: BeforeHooks): Plugin {
  return {
    beforeHooks: {
      beforeCreate: (actor: WireActor, proposed: WireEntry) =>
        guarding(() => writeFields(hooks.create?.(readActor(actor), readEntry(proposed)))),
      beforeUpdate: (actor: WireActor, current: WireEntry, changes: WireField[]) =>
        guarding(() => writeFields(hooks.update?.(readActor(actor), readEntry(current), readFields(changes)))),
      beforePublish: (actor: WireActor, entry: WireEntry) =>
        guarding(() => hooks.publish?.(readActor(actor), readEntry(entry))),
      beforeDelete: (actor: WireActor, entry: WireEntry) =>
        guarding(() => hooks.delete?.(readActor(actor), readEntry(entry))),
    },
  };
}

export function defineAfterHooks(hooks: AfterHooks): Plugin {
  const telling = (hook: ((fact: Fact) => void) | undefined) =>
    answering(({ actor, atMs, entry, ...fact }: WireFact) =>
      hook?.({ ...fact, actor: readActor(actor), at: new Date(atMs), entry: entry ? readEntry(entry) : undefined }),
    );
  return {
    afterHooks: {
      afterCreate: telling(hooks.create),
      afterUpdate: telling(hooks.update),
      afterPublish: telling(hooks.publish),
      afterDelete: telling(hooks.delete),
    },
  };
}
