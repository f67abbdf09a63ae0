import assert from "node:assert/strict";
import { test } from "node:test";
import { host, HttpFailure, PluginError, secret } from "../src/index.ts";
import { connect } from "../src/host/imports.ts";
import { decode, encode } from "../src/host/text.ts";
import { fakeHost, respond, textOf } from "../src/testing.ts";

test("texts survive the way through bytes", () => {
  for (const text of ["", "plain", "é", "中文", "𝒳 and 😀", "\u0000"]) {
    assert.deepEqual(encode(text), new TextEncoder().encode(text));
    assert.equal(decode(encode(text)), text);
  }
});

test("bytes that are no UTF-8 are read as the platform reads them", () => {
  for (const bytes of [[0xff], [0xc0, 0x80], [0xe4, 0xb8], [0xed, 0xa0, 0x80], [0xf5, 0x80], [0x61, 0x80, 0x62]]) {
    const raw = Uint8Array.from(bytes);
    assert.equal(decode(raw).replace(/\ufffd+/g, "?"), new TextDecoder().decode(raw).replace(/\ufffd+/g, "?"));
  }
});

test("a line is written with its fields", () => {
  const fake = fakeHost();
  host.log.warn("late", { after: 3, who: "it" });
  assert.deepEqual(fake.lines, [{ level: "warn", message: "late", fields: [["after", "3"], ["who", "it"]] }]);
});

test("the store keeps texts and values and lists its keys", () => {
  fakeHost();
  host.kv.setJson("a:1", { n: 1 });
  host.kv.set("a:2", "中");
  host.kv.set("b", "");
  assert.deepEqual(host.kv.getJson("a:1"), { n: 1 });
  assert.equal(host.kv.getText("a:2"), "中");
  assert.equal(host.kv.get("c"), undefined);
  assert.deepEqual([...host.kv.keys("a:")], ["a:1", "a:2"]);
});

test("a secret goes into a header by its name only", () => {
  const fake = fakeHost({ http: () => respond(201, '{"id":7}') });
  const response = host.http.post("https://api.example/x", { a: 1 }, { authorization: secret("key", "Bearer ") });
  assert.equal(response.json<{ id: number }>().id, 7);
  const [request] = fake.requests;
  assert.equal(textOf(request!.body), '{"a":1}');
  assert.deepEqual(request!.headers, [
    ["content-type", { tag: "plain", val: "application/json" }],
    ["authorization", { tag: "secret", val: ["Bearer ", "key"] }],
  ]);
});

test("a request without a response says whether it may have had its effect", () => {
  fakeHost({
    http: () => {
      throw { tag: "maybe-sent", val: "reset" };
    },
  });
  assert.throws(
    () => host.http.get("https://api.example"),
    (error) => error instanceof HttpFailure && error.kind === "maybe-sent",
  );
});

test("a refusal of the host is an error with its code", () => {
  fakeHost({
    imports: {
      "secret-ref": {
        has() {
          throw { code: "denied", message: "not granted", retryable: false };
        },
      },
    },
  });
  assert.throws(
    () => host.hasSecret("x"),
    (error) => error instanceof PluginError && error.code === "denied",
  );
});

test("an interface that the manifest does not ask for is named", () => {
  connect({});
  assert.throws(() => host.kv.get("x"), /ask for it with \[permissions\.kv\] in plugin\.toml/);
});
