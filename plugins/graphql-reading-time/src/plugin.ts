/** Adds `readingMinutes` to lessons and articles. */
import { defineResolvers, type Parent } from "@lyceum/sdk";
import { readingMinutes } from "./reading.ts";

/** Without access to the text there is nothing to count. */
function minutes(parent: Parent): number | null {
  const body = parent["body"];
  return typeof body === "string" ? readingMinutes(body) : null;
}

export default defineResolvers({
  Lesson: { readingMinutes: minutes },
  Article: { readingMinutes: minutes },
});
