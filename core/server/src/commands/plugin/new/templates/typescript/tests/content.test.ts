import assert from "node:assert/strict";
import { test } from "node:test";
import { call } from "@lyceum/sdk/testing";
import plugin from "../src/plugin.ts";

function publish(title: string): unknown {
  const fields = [{ field: "title", locale: "en", value: JSON.stringify(title) }];
  const entry = { typeName: "lesson", id: "lesson_1", status: "draft", fields, ext: [] };
  return call(plugin, "beforeHooks", "beforePublish", { user: "user_1", roles: ["author"], plugin: null }, entry);
}

test("an empty title is refused in both languages", () => {
  const messages = [["en", "The title is empty."], ["zh", "标题为空。"]];
  assert.throws(() => publish(" "), (refused) => {
    assert.deepEqual(refused, { field: "title", messages });
    return true;
  });
});

test("any other title may be published", () => {
  assert.equal(publish("Tea"), undefined);
});
