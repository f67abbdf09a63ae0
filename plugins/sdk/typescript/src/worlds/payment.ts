/**
 * Payment providers. The shapes are those of `lyceum:payment`, nearly as they
 * cross the boundary: times are milliseconds since 1970, amounts are integers in
 * minor units, and what is left out of a `View` is filled in.
 */
import { payload } from "../error.ts";
import { HttpFailure } from "../host/http.ts";
import type { Pairs } from "../pairs.ts";
import type { Plugin } from "../plugin.ts";

export interface Money {
  /** ISO 4217 in capitals: `CNY`. */
  currency: string;
  /** 9900 is CNY 99.00, and JPY 9,900. */
  minor: number;
}

export interface Account {
  id: string;
  /** Whether real money moves. */
  live: boolean;
  settings: Pairs;
}

/** Names one object at the provider. */
export interface Ref {
  kind: "payment" | "refund" | "dispute" | "mandate" | "payout" | (string & {});
  merchantRef: string | null;
  providerRef: string | null;
}

export type NextAction =
  | { tag: "none" }
  | { tag: "redirect" | "qr-code"; val: string }
  | { tag: "post-form"; val: [string, Pairs] }
  | { tag: "client-invoke" | "other"; val: Pairs };

export type Status =
  | {
      tag:
        | "not-found" | "action-required" | "processing" | "authorized" | "succeeded" | "closed"
        | "warning" | "needs-response" | "under-review" | "won" | "lost" | "active" | "revoked";
    }
  | { tag: "failed" | "other"; val: string };

/** What the provider says about one object. */
export interface View {
  about: Ref;
  status: Status;
  /** The state in the provider's own word, for the log. */
  rawStatus: string;
  parent?: Ref | null;
  amount?: Money | null;
  /** Captured, or refunded so far where only that is known. */
  done?: Money | null;
  next?: NextAction;
  occurredMs?: number | null;
  dueMs?: number | null;
  ext?: Pairs;
}

export type PaymentErrorTag =
  | "unknown" | "not-sent" | "declined" | "invalid" | "credentials"
  | "rate-limited" | "untrusted-response" | "unsupported" | "other";

/** Why there is no view. `unknown`: it may have happened. */
export class PaymentError extends Error {
  override name = "PaymentError";

  constructor(
    readonly tag: PaymentErrorTag,
    message = "",
    /** For `rate-limited`. */
    readonly seconds?: number,
  ) {
    super(message);
  }
}

export interface Capabilities {
  flows: string[];
  currencies: string[];
  features: string[];
  limits: Pairs;
}

export interface Order {
  merchantRef: string;
  amount: Money;
  flow: string;
  title: string;
  manualCapture: boolean;
  expiresMs: number;
  returnUrl: string;
  notifyUrl: string;
  mandate: Ref | null;
  payer: Pairs;
  metadata: Pairs;
  ext: Pairs;
}

/** A request as it came from the socket. */
export interface InboundRequest {
  method: string;
  path: string;
  query: string;
  /** Names in lower case. */
  headers: Pairs;
  body: Uint8Array;
  receivedMs: number;
}

export interface Reply {
  status: number;
  headers: Pairs;
  body: Uint8Array;
}

export interface PaymentEvent {
  /** The same over the provider's retries. */
  id: string;
  name: string;
  about: Ref;
  occurredMs?: number | null;
  /** Left out: the host queries `about`. */
  view?: View | null;
  ext?: Pairs;
}

/** A request that is really from the provider. */
export interface Accepted {
  events: PaymentEvent[];
  ack?: Reply;
  nack?: Reply;
}

export type RefusalTag =
  | "malformed" | "bad-signature" | "stale" | "unknown-key" | "wrong-account" | "probe" | "ignored" | "other";

const WITH_TEXT = ["malformed", "unknown-key", "ignored", "other"];

/** Throw it to refuse a request. */
export class Refused extends Error {
  override name = "Refused";

  constructor(
    readonly tag: RefusalTag,
    message = "",
    readonly answer: Reply = reply(400),
  ) {
    super(message);
  }
}

/** An answer without headers and body. */
export function reply(status: number): Reply {
  return { status, headers: [], body: new Uint8Array() };
}

/** What failed without a word of the plugin's own may have had its effect. */
export interface PaymentProvider {
  describe(): Capabilities;
  checkAccount(account: Account): void;
  create(account: Account, order: Order): View;
  query(account: Account, about: Ref, parent: Ref | null): View;
  close(account: Account, payment: Ref, opRef: string): View;
  refund(account: Account, payment: Ref, refundRef: string, amount: Money, paid: Money, reason: string): View;
  capture?(account: Account, payment: Ref, opRef: string, amount: Money): View;
  refreshKeys?(account: Account): number;
  /** Whether the request is from the provider, and what it says. Throws `Refused`. */
  verify(account: Account, request: InboundRequest): Accepted;
  /** Which payment a return page is about, never its state. Throws `Refused`. */
  readReturn(account: Account, request: InboundRequest): Ref;
}

function wireView(view: View) {
  return {
    ...view,
    parent: view.parent ?? null,
    amount: view.amount ?? null,
    done: view.done ?? null,
    next: view.next ?? { tag: "none" },
    occurredMs: view.occurredMs ?? null,
    dueMs: view.dueMs ?? null,
    ext: view.ext ?? [],
  };
}

function wireError(thrown: unknown): { tag: PaymentErrorTag; val?: string | number | null } {
  const value = payload(thrown);
  if (!(value instanceof PaymentError)) {
    // A request that surely was not sent had no effect; of the rest nobody knows.
    const unsent = value instanceof HttpFailure && (value.kind === "not-sent" || value.kind === "denied");
    return { tag: unsent ? "not-sent" : "unknown", val: value instanceof Error ? value.message : String(value) };
  }
  if (value.tag === "rate-limited") return { tag: value.tag, val: value.seconds ?? null };
  return value.tag === "unsupported" ? { tag: value.tag } : { tag: value.tag, val: value.message };
}

function telling<A extends unknown[], T>(call: (...values: A) => T): (...values: A) => T {
  return (...values) => {
    try {
      return call(...values);
    } catch (thrown) {
      throw wireError(thrown);
    }
  };
}

function refusing<A extends unknown[], T>(call: (...values: A) => T): (...values: A) => T {
  return (...values) => {
    try {
      return call(...values);
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown;
      const why = WITH_TEXT.includes(thrown.tag) ? { tag: thrown.tag, val: thrown.message } : { tag: thrown.tag };
      throw { why, answer: thrown.answer };
    }
  };
}

function wireAccepted({ events, ack = reply(200), nack = reply(503) }: Accepted) {
  const wire = ({ occurredMs = null, view = null, ext = [], ...event }: PaymentEvent) => {
    return { ...event, occurredMs, view: view && wireView(view), ext };
  };
  return { events: events.map(wire), ack, nack };
}

function unsupported(): never {
  throw new PaymentError("unsupported");
}

export function definePaymentProvider(p: PaymentProvider): Plugin {
  type Of<K extends keyof PaymentProvider> = Parameters<NonNullable<PaymentProvider[K]>>;
  return {
    provider: {
      describe: () => p.describe(),
      checkAccount: telling((...values: Of<"checkAccount">) => p.checkAccount(...values)),
      create: telling((...values: Of<"create">) => wireView(p.create(...values))),
      query: telling((...values: Of<"query">) => wireView(p.query(...values))),
      capture: telling((...values: Of<"capture">) => wireView(p.capture ? p.capture(...values) : unsupported())),
      close: telling((...values: Of<"close">) => wireView(p.close(...values))),
      refund: telling((...values: Of<"refund">) => wireView(p.refund(...values))),
      refreshKeys: telling((...values: Of<"refreshKeys">) => (p.refreshKeys ? p.refreshKeys(...values) : unsupported())),
    },
    inbound: {
      verify: refusing((...values: Of<"verify">) => wireAccepted(p.verify(...values))),
      readReturn: refusing((...values: Of<"readReturn">) => p.readReturn(...values)),
    },
  };
}
