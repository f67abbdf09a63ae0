import assert from "node:assert/strict";
import { test } from "node:test";
import { call } from "@lyceum/sdk/testing";
import plugin from "../src/plugin.ts";

function review(text: string): unknown {
  const item = { id: "1", kind: "comment", locale: null, text, ext: [] };
  return call(plugin, "moderator", "review", [item]);
}

test("an offer is held", () => {
  const note = "found: buy followers";
  assert.deepEqual(review("Buy followers here"), [{ decision: "hold", labels: ["spam"], confidence: 0.9, note, ext: [] }]);
});

test("a friendly text is allowed", () => {
  assert.deepEqual(review("谢谢老师"), [{ decision: "allow", labels: [], confidence: 1, note: null, ext: [] }]);
});
