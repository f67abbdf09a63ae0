/** Payments at pay.example.com. What is not written yet says so. */
import {
  definePaymentProvider, header, host, PaymentError, Refused, secret,
  type InboundRequest, type Ref, type Status, type View,
} from "@lyceum/sdk";

const API = "https://pay.example.com/v1/payments";
const key = { authorization: secret("api_key", "Bearer ") };
const STATES: Record<string, Status> = {
  open: { tag: "action-required" },
  paid: { tag: "succeeded" },
  closed: { tag: "closed" },
};

interface Payment {
  merchantRef: string;
  status: string;
  payUrl: string;
}

function view(payment: Payment): View {
  const status: Status = STATES[payment.status] ?? { tag: "other", val: payment.status };
  const about: Ref = { kind: "payment", merchantRef: payment.merchantRef, providerRef: null };
  return { about, status, rawStatus: payment.status, next: { tag: "redirect", val: payment.payUrl } };
}

function signature(request: InboundRequest): Uint8Array {
  const pairs = header(request.headers, "x-signature")?.match(/[0-9a-f]{2}/g) ?? [];
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}

export default definePaymentProvider({
  describe: () => ({ flows: ["redirect"], currencies: ["CNY"], features: [], limits: [] }),
  checkAccount() {
    if (host.http.get(API, key).status === 401) throw new PaymentError("credentials", "the key was refused");
  },
  create(_account, order) {
    const { merchantRef, amount, title, returnUrl, notifyUrl } = order;
    const response = host.http.post(API, { merchantRef, amount: amount.minor, title, returnUrl, notifyUrl }, key);
    if (response.status === 402) throw new PaymentError("declined", "refused by the provider");
    if (!response.ok) throw new PaymentError("unknown", `answered ${response.status}`);
    return view(response.json<Payment>());
  },
  query(_account, about) {
    const response = host.http.get(`${API}/${about.merchantRef}`, key);
    if (response.status === 404) return { about, status: { tag: "not-found" }, rawStatus: "" };
    if (!response.ok) throw new PaymentError("unknown", `answered ${response.status}`);
    return view(response.json<Payment>());
  },
  close() {
    throw new PaymentError("unsupported");
  },
  refund() {
    throw new PaymentError("unsupported");
  },
  verify(_account, request) {
    const genuine = host.crypto.verify("webhook_secret", "hmac-sha256", request.body, signature(request));
    if (!genuine) throw new Refused("bad-signature");
    const { id, merchantRef } = JSON.parse(new TextDecoder().decode(request.body)) as { id: string; merchantRef: string };
    const about: Ref = { kind: "payment", merchantRef, providerRef: null };
    return { events: [{ id, name: "changed", about }] };
  },
  readReturn(_account, request) {
    const merchantRef = /merchantRef=([0-9A-Z]+)/.exec(request.query)?.[1];
    if (merchantRef === undefined) throw new Refused("malformed", "no reference");
    return { kind: "payment", merchantRef, providerRef: null };
  },
});
