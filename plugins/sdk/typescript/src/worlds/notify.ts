import { byName, type Ext, type Pairs } from "../pairs.ts";
import { toWire } from "../error.ts";
import type { Plugin } from "../plugin.ts";

/** One message to one person. */
export interface Delivery {
  /** The same over retries. */
  id: string;
  /** `mail`, `sms` or `push`. */
  channel: string;
  address: string;
  name: string | undefined;
  /** The message is in this language already. */
  locale: string;
  /** `verify-email`, `reset-password`, `test` … */
  template: string;
  subject: string;
  text: string;
  /** What the text was made from: `url`, `code` … */
  values: Ext;
  ext: Ext;
}

/** What became of a delivery. */
export interface DeliveryResult {
  /** `sent`, `retry` (not now) or `failed` (never). */
  status: "sent" | "retry" | "failed";
  providerRef?: string;
  /** For the log and the owner, in English. */
  note?: string;
  retryAfterSeconds?: number;
}

export interface Notifier {
  channels: readonly ("mail" | "sms" | "push" | (string & {}))[];
  /** Sends one message. What it throws becomes `retry` or `failed`, as the error says. */
  deliver(delivery: Delivery): DeliveryResult;
}

interface WireDelivery extends Omit<Delivery, "name" | "values" | "ext"> {
  name: string | null;
  values: Pairs;
  ext: Pairs;
}

export function defineNotifier(notifier: Notifier): Plugin {
  const deliver = (wire: WireDelivery) => {
    const delivery = { ...wire, name: wire.name ?? undefined, values: byName(wire.values), ext: byName(wire.ext) };
    const { status, providerRef = null, note = null, retryAfterSeconds = null } = attempt(notifier, delivery);
    return { id: wire.id, status, providerRef, note, retryAfterS: retryAfterSeconds };
  };
  return {
    notifier: { channels: () => [...notifier.channels], deliver: (batch: WireDelivery[]) => batch.map(deliver) },
  };
}

function attempt(notifier: Notifier, delivery: Delivery): DeliveryResult {
  try {
    return notifier.deliver(delivery);
  } catch (thrown) {
    const { code, message, retryable } = toWire(thrown);
    return { status: retryable ? "retry" : "failed", note: `${code}: ${message}` };
  }
}
