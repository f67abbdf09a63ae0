/** Holds texts that offer followers for sale. */
import { allow, defineModerator, hold } from "@lyceum/sdk";

const WORDS = ["buy followers", "刷粉"];

export default defineModerator({
  review(item) {
    const text = item.text.toLowerCase();
    const found = WORDS.find((word) => text.includes(word));
    return found === undefined ? allow() : hold(["spam"], 0.9, `found: ${found}`);
  },
});
