// One document, written in another way: other spaces, commas, comments and
// escapes. What it means stays the same.

import { Lexer, Source, TokenKind } from 'graphql';

const BETWEEN = [' ', ' ', ' ', '\n', ', ', '\t', ' # not read "\n', '\r\n', ' \uFEFF'];

// LYCEUM_ORACLE_SPELLING: `plain` leaves documents as graphql-js prints them,
// `without-commas` does all but that, to look past a parser that stumbles there.
const SPELLING = process.env.LYCEUM_ORACLE_SPELLING;
const COMMA = SPELLING === 'without-commas' ? '' : ',';

/** The text of the document with its tokens written anew. */
export function respelled(text, random) {
  if (SPELLING === 'plain') return text;
  const lexer = new Lexer(new Source(text));
  let out = random.chance(0.05) ? '\uFEFF' : '';
  for (let token = lexer.advance(); token.kind !== TokenKind.EOF; token = lexer.advance()) {
    out += written(token, text, random) + random.pick(BETWEEN).replace(',', COMMA);
  }
  return out;
}

function written(token, text, random) {
  if (token.kind === TokenKind.STRING) return `"${[...token.value].map(c => escaped(c, random)).join('')}"`;
  return text.slice(token.start, token.end);
}

const SHORT = { '"': '\\"', '\\': '\\\\', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '/': '\\/' };

function escaped(character, random) {
  const point = character.codePointAt(0);
  if (random.chance(0.2)) return `\\u{${point.toString(16)}}`;
  if (random.chance(0.2)) return units(character);
  return SHORT[character] ?? (point < 0x20 ? units(character) : character);
}

/** The UTF-16 units: a surrogate pair for what is outside the basic plane. */
function units(character) {
  return Array.from({ length: character.length }, (_, index) =>
    `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`).join('');
}
