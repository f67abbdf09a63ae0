import assert from "node:assert/strict";
import { test } from "node:test";
import { call } from "@lyceum/sdk/testing";
import plugin from "../src/plugin.ts";

test("the newest comes first", () => {
  const context = { surface: "recommended-courses", locale: "en", nowMs: 0, count: 3, ext: [] };
  const ages = { name: "age-hours", values: { tag: "f32s", val: [2, 1, 3] } };
  assert.deepEqual(call(plugin, "ranker", "rank", context, [ages]), [-2, -1, -3]);
});
