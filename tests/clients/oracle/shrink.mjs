// The smallest document on which two verdicts still differ.

import { parse, print, visit } from 'graphql';

const TRIES = 150;

/** Takes parts out as long as `differs(text)` stays true. Only for documents that can be parsed. */
export async function shrunk(text, differs) {
  let best = text;
  let tries = 0;
  for (let shorter = true; shorter; ) {
    shorter = false;
    for (const candidate of candidates(best)) {
      tries += 1;
      if (tries > TRIES) return best;
      if (candidate.length < best.length && (await differs(candidate))) {
        best = candidate;
        shorter = true;
        break;
      }
    }
  }
  return best;
}

/** The document without one of its parts, the large parts first. */
function candidates(text) {
  let document;
  try {
    document = parse(text);
  } catch {
    return cuts(text);
  }
  const paths = [];
  visit(document, {
    enter(node, key, parent, path) {
      if (Array.isArray(parent)) paths.push([...path]);
    },
  });
  return paths.map(path => without(document, path)).filter(Boolean);
}

function without(document, path) {
  const copy = JSON.parse(JSON.stringify(document));
  const list = path.slice(0, -1).reduce((node, key) => node[key], copy);
  list.splice(path.at(-1), 1);
  try {
    return print(copy);
  } catch {
    return undefined;
  }
}

function cuts(text) {
  const half = Math.floor(text.length / 2);
  return half < 8 ? [] : [text.slice(half), text.slice(0, half)];
}
