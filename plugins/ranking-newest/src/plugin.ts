/** Shows the newest first. */
import { defineRanker } from "@lyceum/sdk";

export default defineRanker({
  columns: ["age-hours"],
  rank: (_context, columns) => Array.from(columns["age-hours"], (age) => -age),
});
