import assert from "node:assert/strict";
import { test } from "node:test";
import { call } from "@lyceum/sdk/testing";
import plugin from "../src/plugin.ts";

test("each lesson has its own answer", () => {
  const request = { typeName: "Lesson", field: "textLength", args: "{}", locale: "en", viewer: null, ext: [] };
  const parents = ['{"id":"a","body":"茶 tea"}', '{"id":"b","body":null}'];
  const answers = call(plugin, "fieldResolver", "resolveBatch", request, parents);
  assert.deepEqual(answers, [{ tag: "ok", val: "5" }, { tag: "ok", val: "null" }]);
});
