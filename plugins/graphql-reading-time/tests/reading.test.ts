import assert from "node:assert/strict";
import { test } from "node:test";
import { call } from "@lyceum/sdk/testing";
import plugin from "../src/plugin.ts";
import { readingMinutes } from "../src/reading.ts";

const words = (n: number): string => "word ".repeat(n);
const characters = (n: number): string => "字".repeat(n);

test("a minute is 200 words or 300 characters, and what has begun is counted", () => {
  assert.equal(readingMinutes(words(200)), 1);
  assert.equal(readingMinutes(words(201)), 2);
  assert.equal(readingMinutes(characters(300)), 1);
  assert.equal(readingMinutes(characters(301)), 2);
});

test("a mixed text is the sum of both", () => {
  assert.equal(readingMinutes(words(100) + characters(150)), 1);
  assert.equal(readingMinutes(`${words(150)}，${characters(300)}`), 2);
  assert.equal(readingMinutes("用Rust写WASM".repeat(100)), 2);
});

test("nothing to read takes no time", () => {
  assert.equal(readingMinutes(""), 0);
  assert.equal(readingMinutes(" \n —— !? 。"), 0);
});

test("tags, addresses and the ends of links are not read", () => {
  assert.equal(readingMinutes(`<p class="a b c">${words(200)}</p>`), 1);
  assert.equal(readingMinutes(`${words(199)} [link](https://a.example/one-two-three "title") `), 1);
  assert.equal(readingMinutes(`${words(200)} https://a.example/one/two?three=four`), 1);
});

test("a joined word is one word", () => {
  assert.equal(readingMinutes("don't ".repeat(200)), 1);
  assert.equal(readingMinutes("well-known 3.5 ".repeat(100)), 1);
});

test("each parent has its own answer, and a hidden text has none", () => {
  const request = { typeName: "Lesson", field: "readingMinutes", args: "{}", locale: "en", viewer: null, ext: [] };
  const parents = [{ id: "a", body: words(500) }, { id: "b", body: null }].map((parent) => JSON.stringify(parent));
  const answers = call(plugin, "fieldResolver", "resolveBatch", request, parents);
  assert.deepEqual(answers, [{ tag: "ok", val: "3" }, { tag: "ok", val: "null" }]);
});
