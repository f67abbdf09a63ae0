import assert from "node:assert/strict";
import { test } from "node:test";
import { call, fakeHost } from "@lyceum/sdk/testing";
import plugin from "../src/plugin.ts";

const input = { id: "r1", name: "count", payload: "{}", attempt: 1, dueMs: 0, ext: [] };

test("it counts to three in three steps", () => {
  fakeHost();
  let resume: string | null = null;
  for (const state of ["continue", "continue", "done"]) {
    const outcome = call(plugin, "job", "run", input, resume) as { state: string; resume: string | null };
    assert.equal(outcome.state, state);
    resume = outcome.resume;
  }
});
