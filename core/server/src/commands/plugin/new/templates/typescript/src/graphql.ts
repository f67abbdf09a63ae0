/** Adds `textLength` to lessons. */
import { defineResolvers } from "@lyceum/sdk";

export default defineResolvers({
  Lesson: {
    textLength(parent) {
      const body = parent["body"];
      return typeof body === "string" ? [...body].length : null;
    },
  },
});
