import assert from "node:assert/strict";
import { test } from "node:test";
import { call, fakeHost, respond } from "@lyceum/sdk/testing";
import plugin from "../src/plugin.ts";

const account = { id: "a", live: false, settings: [] };
const order = { merchantRef: "REF00000000000000001", amount: { currency: "CNY", minor: 9900 }, title: "茶" };

test("a created payment says where to pay", () => {
  fakeHost({ http: () => respond(200, '{"merchantRef":"REF00000000000000001","status":"open","payUrl":"https://pay.example.com/p"}') });
  const view = call(plugin, "provider", "create", account, order) as { status: unknown; next: unknown };
  assert.deepEqual(view.status, { tag: "action-required" });
  assert.deepEqual(view.next, { tag: "redirect", val: "https://pay.example.com/p" });
});

test("a lost answer may have had its effect", () => {
  fakeHost({
    http: () => {
      throw { tag: "maybe-sent", val: "reset" };
    },
  });
  assert.throws(() => call(plugin, "provider", "create", account, order), (error: { tag: string }) => error.tag === "unknown");
});

test("a wrong signature is refused", () => {
  const verify = () => {
    throw { tag: "mismatch" };
  };
  fakeHost({ imports: { crypto: { verify } as never } });
  const request = { method: "POST", path: "/", query: "", headers: [], body: new Uint8Array(), receivedMs: 0 };
  assert.throws(
    () => call(plugin, "inbound", "verify", account, request),
    (refused: { why: { tag: string } }) => refused.why.tag === "bad-signature",
  );
});
