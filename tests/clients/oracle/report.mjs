// What the judges found, by class: counted for the test run, and written to
// the file LYCEUM_ORACLE_REPORT when that is set.

import { appendFileSync } from 'node:fs';

const FILE = process.env.LYCEUM_ORACLE_REPORT;
const SHOWN = 6;

/** Comparisons of one class. */
export class Tally {
  constructor(name) {
    this.name = name;
    this.agreed = 0;
    this.refused = 0;
    this.differences = [];
  }

  /** The line for the run's output. */
  summary() {
    const { agreed, refused, differences } = this;
    return `${agreed} equal, ${refused} refused by a limit, ${differences.length} different`;
  }

  /** Fails with the first differences. */
  assert() {
    if (this.differences.length === 0) return;
    const text = [`${this.name}: ${this.summary()}`, ...shortest(this.differences)].join('\n\n');
    if (FILE) appendFileSync(FILE, `## ${text}\n\n`);
    throw new Error(text);
  }
}

/** The shortest of each kind, so that a frequent one does not hide a rare one. */
function shortest(differences) {
  const kinds = new Map();
  for (const each of [...differences].sort((a, b) => a.length - b.length)) {
    const kind = kindOf(each);
    kinds.set(kind, [...(kinds.get(kind) ?? []), each]);
  }
  return [...kinds.values()].slice(0, SHOWN).map(each => `(${each.length} like this)\n${each[0]}`);
}

/** The last line without what differs from document to document. */
function kindOf(text) {
  if (text.includes('"INTERNAL"')) return 'INTERNAL';
  return text.split('\n').at(-1).replace(/^[\w.[\]]+:/, '').replace(/\\?"[^"]*"|\d+/g, '').slice(0, 60);
}

/** A difference as text: what was asked, what was expected, what came. */
export function difference(text, { variables, expected, actual, reason, body }) {
  const lines = [text.trim()];
  if (variables !== undefined) lines.push(`variables: ${JSON.stringify(variables)}`);
  lines.push(`graphql-js: ${expected}${reason ? ` (${reason})` : ''}`, `server: ${actual} ${shortened(body)}`);
  return lines.join('\n');
}

function shortened(body) {
  const errors = body?.errors?.slice(0, 2).map(each => ({ code: each.extensions?.code, message: each.message?.slice(0, 160), path: each.path }));
  return JSON.stringify({ data: body && 'data' in body ? '…' : undefined, errors });
}
