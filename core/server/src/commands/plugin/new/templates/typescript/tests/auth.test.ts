import assert from "node:assert/strict";
import { test } from "node:test";
import { call, fakeHost, respond } from "@lyceum/sdk/testing";
import plugin from "../src/plugin.ts";

test("a person is sent to the provider with the state", () => {
  const start = { redirectUri: "https://a.example/back", state: "s", nonce: "n", codeChallenge: "c", locale: "en", ext: [] };
  assert.deepEqual(call(plugin, "authProvider", "begin", start), {
    url: "https://id.example.com/authorize?redirect_uri=https%3A%2F%2Fa.example%2Fback&state=s&code_challenge=c",
    keep: "",
  });
});

test("who came back is asked at the provider", () => {
  fakeHost({ http: () => respond(200, '{"id":"7","email":"lin@example.org"}') });
  const back = { params: [["code", "x"]], redirectUri: "", nonce: "n", codeVerifier: "v", keep: "" };
  const identity = call(plugin, "authProvider", "complete", back) as { subject: string };
  assert.equal(identity.subject, "7");
});
