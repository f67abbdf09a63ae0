/**
 * How long a text takes to read. Chinese is counted in characters, everything
 * else in words, and a mixed text is the sum of both.
 */
const CHARACTERS_A_MINUTE = 300;
const WORDS_A_MINUTE = 200;

/** Characters that are read one by one: Chinese, and Japanese kana. */
const CHARACTER = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu;
/** A word, with what joins its parts: `don't`, `well-known`, `3.5`. */
const WORD = /[\p{L}\p{N}]+(?:['’.-][\p{L}\p{N}]+)*/gu;
/** What is written and not read: tags, addresses, and where a link goes. */
const UNREAD = /<[^<>]*>|\]\([^()\s]*(?: "[^"]*")?\)|https?:\/\/[^\s<>()]+/g;

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

/** Whole minutes, at least one; none for a text without anything to read. */
export function readingMinutes(text: string): number {
  const read = text.replace(UNREAD, " ");
  const characters = count(read, CHARACTER);
  const words = count(read.replace(CHARACTER, " "), WORD);
  return Math.ceil(characters / CHARACTERS_A_MINUTE + words / WORDS_A_MINUTE);
}
