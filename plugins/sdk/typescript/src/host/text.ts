/**
 * UTF-8. The engine in a component brings neither `TextEncoder` nor `TextDecoder`.
 */
export function encode(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    push(bytes, code >= 0xd800 && code <= 0xdfff ? 0xfffd : code);
  }
  return Uint8Array.from(bytes);
}

function push(bytes: number[], code: number): void {
  if (code < 0x80) bytes.push(code);
  else if (code < 0x800) bytes.push(0xc0 | (code >> 6), tail(code));
  else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), tail(code >> 6), tail(code));
  else bytes.push(0xf0 | (code >> 18), tail(code >> 12), tail(code >> 6), tail(code));
}

function tail(code: number): number {
  return 0x80 | (code & 0x3f);
}

/** The text of these bytes. What is no UTF-8 becomes U+FFFD. */
export function decode(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [code, length] = one(bytes, at);
    parts.push(String.fromCodePoint(code));
    at += length;
  }
  return parts.join("");
}

/** How a sequence begins: the most its first byte can be, its length, its least code. */
const FORMS: [number, number, number][] = [
  [0x7f, 1, 0],
  [0xdf, 2, 0x80],
  [0xef, 3, 0x800],
  [0xf4, 4, 0x10000],
];

function one(bytes: Uint8Array, at: number): [number, number] {
  const first = bytes[at] ?? 0;
  const form = FORMS.find(([most]) => first <= most);
  if (form === undefined || (first > 0x7f && first < 0xc2)) return [0xfffd, 1];
  const [, length, least] = form;
  let code = length === 1 ? first : first & (0xff >> (length + 1));
  for (let next = 1; next < length; next += 1) {
    const byte = bytes[at + next] ?? 0;
    if ((byte & 0xc0) !== 0x80) return [0xfffd, next];
    code = (code << 6) | (byte & 0x3f);
  }
  const allowed = code >= least && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return [allowed ? code : 0xfffd, length];
}

/** Bytes of what may be given as a text. */
export function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? encode(value) : value;
}
