import assert from "node:assert/strict";
import { test } from "node:test";
import {
  defineAfterHooks, defineAuthProvider, defineBeforeHooks, defineJobs, defineLifecycle, defineModerator,
  defineNotifier, definePaymentProvider, definePlugin, defineRanker, defineResolvers, hold, HttpFailure,
  PaymentError, PluginError, Refused, Rejection, type Fact, type PaymentProvider,
} from "../src/index.ts";
import { call } from "../src/testing.ts";

const thrown = (run: () => unknown): unknown => {
  try {
    run();
  } catch (value) {
    return value;
  }
  throw new Error("nothing was thrown");
};

test("a moderator's verdicts are made whole", () => {
  const plugin = defineModerator({
    review: (item) => (item.locale === undefined ? hold(["spam"], 0.5, item.ext["a"]) : { decision: "allow" }),
  });
  const item = { id: "1", kind: "comment", locale: null, text: "x", ext: [["a", "b"]] };
  assert.deepEqual(call(plugin, "moderator", "review", [item, { ...item, locale: "en" }]), [
    { decision: "hold", labels: ["spam"], confidence: 0.5, note: "b", ext: [] },
    { decision: "allow", labels: [], confidence: 1, note: null, ext: [] },
  ]);
});

test("a ranker has its columns by name and refuses short ones", () => {
  const plugin = defineRanker({
    columns: ["comments"],
    rank: (context, { comments }) => Array.from(comments, (n) => n + context.now.getTime()),
  });
  const context = { surface: "s", locale: "en", nowMs: 1, count: 2, ext: [] };
  const column = { name: "comments", values: { tag: "u32s", val: [3, 4] } };
  assert.deepEqual(call(plugin, "ranker", "columns"), ["comments"]);
  assert.deepEqual(call(plugin, "ranker", "rank", context, [column]), [4, 5]);
  assert.deepEqual(thrown(() => call(plugin, "ranker", "rank", { ...context, count: 3 }, [column])), {
    code: "invalid", message: "the column comments has not 3 values", retryable: false,
  });
});

const fact = { event: "e1", typeName: "lesson", id: "l1", actor: { user: null, roles: [], plugin: "a/b" }, atMs: 5, entry: null };

test("an after-hook is given the fact and may fail for now", () => {
  let seen: Fact | undefined;
  const plugin = defineAfterHooks({
    publish: (given) => void (seen = given),
    delete: () => {
      throw new PluginError("unavailable", "later", true);
    },
  });
  call(plugin, "afterHooks", "afterPublish", fact);
  assert.equal(seen?.at.getTime(), 5);
  assert.equal(seen?.actor.plugin, "a/b");
  assert.equal(call(plugin, "afterHooks", "afterCreate", fact), undefined);
  const error = thrown(() => call(plugin, "afterHooks", "afterDelete", fact));
  assert.deepEqual(error, { code: "unavailable", message: "later", retryable: true });
});

const entry = { typeName: "lesson", id: null, status: "draft", fields: [{ field: "title", locale: "en", value: '"Hi"' }], ext: [] };
const actor = { user: "u1", roles: ["author"], plugin: null };

test("a before-hook changes fields or refuses with a message", () => {
  const plugin = defineBeforeHooks({
    create: (_, proposed) => [{ field: "slug", value: String(proposed.fields[0]?.value).toLowerCase() }],
    publish: () => {
      throw new Rejection({ en: "no", zh: "不行" }, "title");
    },
  });
  assert.deepEqual(call(plugin, "beforeHooks", "beforeCreate", actor, entry), [{ field: "slug", locale: null, value: '"hi"' }]);
  assert.deepEqual(call(plugin, "beforeHooks", "beforeUpdate", actor, entry, []), []);
  assert.deepEqual(thrown(() => call(plugin, "beforeHooks", "beforePublish", actor, entry)), {
    field: "title", messages: [["en", "no"], ["zh", "不行"]],
  });
});

test("a notifier answers for each delivery, also when it throws", () => {
  const plugin = defineNotifier({
    channels: ["sms"],
    deliver(delivery) {
      if (delivery.address === "x") throw new PluginError("unavailable", "busy", true);
      if (delivery.address === "y") throw new HttpFailure("maybe-sent", "reset");
      if (delivery.address === "z") throw new HttpFailure("denied", "not granted");
      return { status: "sent", providerRef: delivery.values["code"] ?? "" };
    },
  });
  const delivery = { id: "1", channel: "sms", address: "+86", name: null, locale: "zh", template: "test", subject: "", text: "", values: [["code", "9"]], ext: [] };
  const to = (id: string, address: string) => ({ ...delivery, id, address });
  const batch = [delivery, to("2", "x"), to("3", "y"), to("4", "z")];
  assert.deepEqual(call(plugin, "notifier", "deliver", batch), [
    { id: "1", status: "sent", providerRef: "9", note: null, retryAfterS: null },
    { id: "2", status: "retry", providerRef: null, note: "unavailable: busy", retryAfterS: null },
    { id: "3", status: "retry", providerRef: null, note: "unavailable: maybe-sent: reset", retryAfterS: null },
    { id: "4", status: "failed", providerRef: null, note: "denied: denied: not granted", retryAfterS: null },
  ]);
});

test("a provider of sign-in is described by what it can do", () => {
  const plugin = defineAuthProvider({
    labels: { en: "Sign in" },
    begin: (start) => ({ url: `https://id.example/?state=${start.state}` }),
    complete: (back) => ({ subject: back.params["code"] ?? "", email: "a@b.c" }),
  });
  assert.deepEqual(call(plugin, "authProvider", "describe"), { labels: [["en", "Sign in"]], refreshes: false });
  assert.deepEqual(call(plugin, "authProvider", "begin", { state: "s", ext: [] }), { url: "https://id.example/?state=s", keep: "" });
  assert.deepEqual(call(plugin, "authProvider", "complete", { params: [["code", "7"]] }), {
    subject: "7", email: "a@b.c", emailVerified: false, name: null, picture: null, keep: "", ext: [],
  });
});

test("a job goes on where its last step ended", () => {
  const plugin = defineJobs({
    sweep: (run, resume) => (resume === undefined ? { done: false, resume: `${run.payload["from"]}`, progress: 0.5 } : { done: true, report: { resume } }),
  });
  const input = { id: "1", name: "sweep", payload: '{"from":3}', attempt: 1, dueMs: 0, ext: [] };
  assert.deepEqual(call(plugin, "job", "run", input, null), { state: "continue", resume: "3", waitS: null, progress: 0.5, report: null });
  assert.deepEqual(call(plugin, "job", "run", input, "3"), { state: "done", resume: null, waitS: null, progress: null, report: '{"resume":"3"}' });
  assert.deepEqual(thrown(() => call(plugin, "job", "run", { ...input, name: "other" }, null)), { code: "invalid", message: "there is no job other", retryable: false });
});

test("one parent's error leaves the other parents alone", () => {
  const plugin = defineResolvers({
    Lesson: {
      length(parent) {
        if (parent["body"] === null) throw new Error("no body");
        return String(parent["body"]).length;
      },
    },
  });
  const request = { typeName: "Lesson", field: "length", args: "{}", locale: "en", viewer: null, ext: [] };
  assert.deepEqual(call(plugin, "fieldResolver", "resolveBatch", request, ['{"id":"1","body":"abc"}', '{"id":"2","body":null}']), [
    { tag: "ok", val: "3" },
    { tag: "err", val: { code: "internal", message: "Error: no body", retryable: false } },
  ]);
});

test("a lifecycle may be left out in parts", () => {
  const plugin = definePlugin(defineLifecycle<{ url?: string }>({ configure: (config) => (config.url ? [] : [{ path: "/url", message: "is missing" }]) }));
  assert.equal(call(plugin, "lifecycle", "health"), undefined);
  assert.equal(call(plugin, "lifecycle", "configure", '{"url":"x"}'), undefined);
  assert.deepEqual(thrown(() => call(plugin, "lifecycle", "configure", "{}")), [{ path: "/url", message: "is missing" }]);
});

const provider: PaymentProvider = {
  describe: () => ({ flows: ["redirect"], currencies: ["CNY"], features: [], limits: [] }),
  checkAccount() {
    throw new HttpFailure("maybe-sent", "reset");
  },
  create: (_, order) => ({ about: { kind: "payment", merchantRef: order.merchantRef, providerRef: null }, status: { tag: "processing" }, rawStatus: "new" }),
  query() {
    throw new PaymentError("rate-limited", "", 7);
  },
  close() {
    throw new HttpFailure("not-sent", "no route");
  },
  refund() {
    throw new PaymentError("declined", "no");
  },
  verify() {
    throw new Refused("bad-signature");
  },
  readReturn() {
    throw new Refused("malformed", "no reference");
  },
};

test("a payment's view is made whole and what may have happened is unknown", () => {
  const plugin = definePaymentProvider(provider);
  assert.deepEqual(call(plugin, "provider", "create", {}, { merchantRef: "R" }), {
    about: { kind: "payment", merchantRef: "R", providerRef: null }, status: { tag: "processing" }, rawStatus: "new",
    parent: null, amount: null, done: null, next: { tag: "none" }, occurredMs: null, dueMs: null, ext: [],
  });
  const error = (method: string) => thrown(() => call(plugin, "provider", method, {}, {}, null));
  assert.deepEqual(error("checkAccount"), { tag: "unknown", val: "maybe-sent: reset" });
  assert.deepEqual(error("close"), { tag: "not-sent", val: "not-sent: no route" });
  assert.deepEqual(error("query"), { tag: "rate-limited", val: 7 });
  assert.deepEqual(error("refund"), { tag: "declined", val: "no" });
  assert.deepEqual(error("capture"), { tag: "unsupported" });
});

test("a refused request carries its answer", () => {
  const plugin = definePaymentProvider(provider);
  const answer = { status: 400, headers: [], body: new Uint8Array() };
  assert.deepEqual(thrown(() => call(plugin, "inbound", "verify", {}, {})), { why: { tag: "bad-signature" }, answer });
  assert.deepEqual(thrown(() => call(plugin, "inbound", "readReturn", {}, {})), { why: { tag: "malformed", val: "no reference" }, answer });
});
