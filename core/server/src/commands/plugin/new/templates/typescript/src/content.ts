/** Publishes nothing whose title is empty. */
import { defineBeforeHooks, Rejection } from "@lyceum/sdk";

export default defineBeforeHooks({
  publish(_actor, entry) {
    const empty = entry.fields.find(({ field, value }) => field === "title" && String(value).trim() === "");
    if (empty !== undefined) throw new Rejection({ en: "The title is empty.", zh: "标题为空。" }, "title");
  },
});
