// Filters, orders and pages over rows in memory.

import { getNamedType, isEnumType } from 'graphql';
import { RELATIONS, compareText, compareValues } from './rows.mjs';

/** Whether the row passes the filter; a value that is not there passes no comparison. */
export function matches(world, schema, row, filter) {
  return Object.entries(filter ?? {}).every(([key, condition]) => {
    switch (key) {
      case 'and': return condition.every(each => matches(world, schema, row, each));
      case 'or': return condition.some(each => matches(world, schema, row, each));
      case 'not': return !matches(world, schema, row, condition);
      default: return matchesField(world, schema, row, key, condition);
    }
  });
}

function matchesField(world, schema, row, key, condition) {
  if (RELATIONS[row.__typename][key]) {
    const related = [world.related(row, key)].flat().filter(Boolean);
    return related.some(each => matches(world, schema, each, condition));
  }
  const type = getNamedType(schema.getType(row.__typename).getFields()[key].type);
  if (type.name === 'Money') return matchesMoney(row[key], condition);
  return Object.entries(condition).every(([operator, wanted]) => holds(type.name, row[key], operator, wanted));
}

function matchesMoney(money, condition) {
  return Object.entries(condition).every(([operator, wanted]) =>
    operator === 'currency' ? money?.currency === wanted : holds('Long', money?.minor ?? null, operator, wanted));
}

function holds(type, value, operator, wanted) {
  if (operator === 'isNull') return (value === null) === wanted;
  if (value === null || value === undefined) return false;
  const compared = other => compareValues(type, value, other);
  switch (operator) {
    case 'eq': return compared(wanted) === 0;
    case 'ne': return compared(wanted) !== 0;
    case 'in': return wanted.some(each => compared(each) === 0);
    case 'notIn': return wanted.every(each => compared(each) !== 0);
    case 'lt': return compared(wanted) < 0;
    case 'lte': return compared(wanted) <= 0;
    case 'gt': return compared(wanted) > 0;
    case 'gte': return compared(wanted) >= 0;
    case 'contains': return folded(value).includes(folded(wanted));
    case 'startsWith': return folded(value).startsWith(folded(wanted));
    default: throw new Error(`no operator ${operator}`);
  }
}

/** Upper and lower case alike, of the letters that every database folds. */
function folded(text) {
  return text.replace(/[A-Z]/g, letter => letter.toLowerCase());
}

/** The rows in the order of the sort keys; without the value last, the id decides among equals. */
export function sorted(schema, type, rows, sort) {
  const keys = sort.map(each => keyOf(schema, type, each));
  const last = keys.at(-1)?.descending ?? false;
  return [...rows].sort((a, b) => {
    for (const { read, compare, descending } of keys) {
      const [x, y] = [read(a), read(b)];
      if (x === null || y === null) {
        if (x !== y) return x === null ? 1 : -1;
        continue;
      }
      const order = compare(x, y);
      if (order !== 0) return descending ? -order : order;
    }
    return last ? compareText(b.id, a.id) : compareText(a.id, b.id);
  });
}

function keyOf(schema, type, value) {
  const [, words, direction] = /^(.*)_(ASC|DESC)$/.exec(value);
  const field = words.toLowerCase().replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  const declared = getNamedType(schema.getType(type).getFields()[field].type);
  const money = declared.name === 'Money';
  const read = row => (money ? row[field]?.minor : row[field]) ?? null;
  const name = money ? 'Long' : declared.name;
  // Enumerations are stored in lower case.
  const compare = isEnumType(declared)
    ? (a, b) => compareText(a.toLowerCase(), b.toLowerCase())
    : (a, b) => compareValues(name, a, b);
  return { read, compare, descending: direction === 'DESC' };
}

const CONTENT = new Set(['Article', 'Category', 'Course', 'Lesson', 'Tag']);

/** The order of a list that names none: the relation's own, by date for content, else by id. */
export function defaultSort(type, relation) {
  if (relation?.order) return [relation.order];
  if (relation?.kind === 'listed' || relation?.kind === 'inverse') return undefined;
  return CONTENT.has(type) ? ['PUBLISHED_AT_DESC'] : [];
}

export const DEFAULT_PAGE = 20;

/**
 * A page: `{ rows, before, after }`, the rows on it and whether there are more.
 * `at` is the index of the row that the cursor names.
 */
export function page(rows, args, at) {
  const { first, last, after, before } = args;
  if (last !== undefined || before !== undefined) {
    const end = before === undefined ? rows.length : at;
    const start = Math.max(0, end - (last ?? DEFAULT_PAGE));
    return { rows: rows.slice(start, end), before: start > 0, after: before !== undefined };
  }
  const start = after === undefined ? 0 : at + 1;
  const end = start + (first ?? DEFAULT_PAGE);
  return { rows: rows.slice(start, end), before: after !== undefined, after: end < rows.length };
}
