import assert from "node:assert/strict";
import { test } from "node:test";
import { call, fakeHost, respond, textOf } from "@lyceum/sdk/testing";
import plugin from "../src/plugin.ts";

const delivery = {
  id: "d1", channel: "push", address: "device", name: null, locale: "zh-CN",
  template: "test", subject: "你好", text: "新课上线", values: [], ext: [],
};

test("a message is sent with the key by its name", () => {
  const host = fakeHost({ http: () => respond(200) });
  const [result] = call(plugin, "notifier", "deliver", [delivery]) as { status: string }[];
  assert.equal(result?.status, "sent");
  assert.deepEqual(host.requests[0]?.headers[1], ["authorization", { tag: "secret", val: ["Bearer ", "api_key"] }]);
  assert.equal(JSON.parse(textOf(host.requests[0]!.body)).title, "你好");
});

test("a service that is down is tried again", () => {
  fakeHost({ http: () => respond(503) });
  const [result] = call(plugin, "notifier", "deliver", [delivery]) as { status: string }[];
  assert.equal(result?.status, "retry");
});
