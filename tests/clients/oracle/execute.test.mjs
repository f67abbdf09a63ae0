// The server's answer must be the one that graphql-js computes over the same
// rows: fields, merging, fragments, conditions, filters, orders, pages.
//
// Left out, because rows do not decide them: search, recommendedCourses,
// access.offers, and what only an administrator sees.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getNamedType, isEnumType, parse, print } from 'graphql';
import { pooled, post } from '../server.mjs';
import { generate } from './generate.mjs';
import { documentVerdict } from './judge.mjs';
import { Memory, isCursorMark, lookup } from './memory.mjs';
import { COUNT, Random, SEED } from './random.mjs';
import { Tally } from './report.mjs';
import { LISTS, LOCALES, RELATIONS, isModelled, readRows } from './rows.mjs';
import { serverSchema } from './schema.mjs';
import { shrunk } from './shrink.mjs';
import { respelled } from './spelling.mjs';

const random = new Random(SEED + 1);
const schema = await serverSchema();
const memory = new Memory(schema, await readRows(schema));
const world = memory.worlds[LOCALES[0]];
const WANTED = Math.max(500, Math.round(COUNT / 3));

const ROOTS = new Set(['node', 'me', 'orders', ...Object.values(LISTS), ...Object.keys(LISTS).map(lookup)]);
const LIST_TYPES = Object.fromEntries(Object.entries(LISTS).map(([type, list]) => [list, type]));

// The language that the request will ask for by its header.
let language;

function fields(type) {
  const all = Object.values(type.getFields());
  if (type === schema.getQueryType()) return all.filter(field => ROOTS.has(field.name));
  if (RELATIONS[type.name] || ['Money', 'Access'].includes(type.name)) return all.filter(field => isModelled(type, field));
  return ['Node', 'SearchEntry', 'PageInfo'].includes(type.name) || /(Connection|Edge)$/.test(type.name) ? all : [];
}

/** Arguments that mean something to the rows that are there. */
function args(parent, field) {
  if (parent === schema.getQueryType() && !LIST_TYPES[field.name] && field.name !== 'orders') return lookupArgs(field);
  const type = LIST_TYPES[field.name] && parent === schema.getQueryType() ? LIST_TYPES[field.name] : RELATIONS[parent.name]?.[field.name]?.target;
  if (!field.args.some(arg => arg.name === 'first')) return {};
  return type ? listArgs(parent, type, field) : { first: random.int(1, 3) };
}

function lookupArgs(field) {
  const has = key => field.args.some(arg => arg.name === key);
  const type = Object.keys(LISTS).find(each => lookup(each) === field.name) ?? random.pick(Object.keys(LISTS));
  const rows = world.listed(type);
  if (field.name === 'me' || rows.length === 0) return field.name === 'me' ? {} : { id: random.pick(world.listed('Course')).id };
  const row = random.pick(rows);
  const by = random.pick(['id', 'slug', 'key'].filter(has));
  const value = by === 'slug' && type === 'Lesson' ? `${world.related(row, 'course').slug}/${row.slug}` : row[by];
  return { [by]: value, ...(has('locale') && random.chance(0.3) ? { locale: random.pick(LOCALES) } : {}) };
}

function listArgs(parent, type, field) {
  const root = parent === schema.getQueryType();
  const result = {};
  if (root && random.chance(0.3)) result.locale = random.pick(LOCALES);
  const cursors = root && random.chance(0.3) ? memory.known(type, result.locale ?? language ?? LOCALES[0]) : [];
  if (cursors.length > 0) {
    const { sort, cursor } = random.pick(cursors);
    const forward = random.chance(0.6);
    if (sort[0] !== '') result.sort = sort;
    return { ...result, [forward ? 'after' : 'before']: cursor, ...(random.chance(0.7) ? { [forward ? 'first' : 'last']: random.int(1, 5) } : {}) };
  }
  if (random.chance(0.8)) result[random.chance(0.6) ? 'first' : 'last'] = random.int(0, root ? 6 : 4);
  if (random.chance(0.4)) result.sort = sortOf(field);
  if (random.chance(0.5)) result.filter = filterOf(type, 2);
  return result;
}

function sortOf(field) {
  const values = getNamedType(field.args.find(arg => arg.name === 'sort').type).getValues().map(each => each.name);
  const chosen = random.some(values, random.int(1, 3));
  const names = chosen.map(each => each.replace(/_(ASC|DESC)$/, ''));
  return chosen.filter((_, index) => names.indexOf(names[index]) === index);
}

function filterOf(type, depth) {
  const declared = schema.getType(`${type}Filter`).getFields();
  const result = {};
  for (const field of random.some(Object.values(declared), random.int(1, 2))) {
    const condition = conditionOf(type, field, depth);
    if (condition !== undefined) result[field.name] = condition;
  }
  return result;
}

function conditionOf(type, { name, type: declared }, depth) {
  const relation = RELATIONS[type][name];
  const own = ['and', 'or', 'not'].includes(name);
  if ((relation || own) && depth === 0) return undefined;
  if (relation) return filterOf(relation.target, depth - 1);
  if (name === 'not') return filterOf(type, depth - 1);
  if (own) return Array.from({ length: random.int(0, 3) }, () => filterOf(type, depth - 1));
  const field = schema.getType(type).getFields()[name];
  // A condition whose field nobody may read has no rows to be compared with.
  return field && isModelled(schema.getType(type), field) ? operators(type, name, getNamedType(declared)) : undefined;
}

function operators(type, name, declared) {
  const values = world.all(type).map(row => row[name]).map(value => value?.minor ?? value).filter(value => value !== null && value !== undefined && typeof value !== 'object');
  const allowed = Object.keys(declared.getFields()).filter(each => values.length > 0 || each === 'isNull');
  const result = {};
  for (const operator of random.some(allowed, random.chance(0.8) ? 1 : 2)) result[operator] = operand(operator, values);
  return result;
}

function operand(operator, values) {
  const value = () => random.pick(values);
  switch (operator) {
    case 'isNull': return random.chance(0.5);
    case 'currency': return random.pick(['CNY', 'USD']);
    case 'in': case 'notIn': return Array.from({ length: random.int(1, 3) }, value);
    case 'contains': return piece(value());
    case 'startsWith': return [...value()].slice(0, random.int(1, 3)).join('');
    default: return value();
  }
}

function piece(text) {
  const characters = [...text];
  const start = random.int(0, Math.max(0, characters.length - 1));
  const part = characters.slice(start, start + random.int(1, 4)).join('');
  return random.chance(0.3) ? part.toUpperCase() : part;
}

/** Where two answers differ, or undefined. Cursors are opaque, but the same place has the same one. */
function difference(expected, actual, path = '') {
  if (isCursorMark(expected)) {
    if (typeof actual !== 'string' || actual === '') return `${path}: a cursor was expected, not ${JSON.stringify(actual)}`;
    return memory.learn(expected, actual) ? undefined : `${path}: another cursor than before for ${expected.slice(1)}`;
  }
  if (Array.isArray(expected) && Array.isArray(actual)) {
    const sets = path.endsWith('.possibleTypes') ? [byText(expected), byText(actual)] : [expected, actual];
    if (expected.length !== actual.length) return `${path}: ${expected.length} items were expected, not ${actual.length}`;
    return first(sets[0].map((item, index) => () => difference(item, sets[1][index], `${path}[${index}]`)));
  }
  if (expected !== null && typeof expected === 'object' && actual !== null && typeof actual === 'object') {
    const keys = Object.keys(expected);
    if (keys.join() !== Object.keys(actual).join()) return `${path}: the keys ${keys} were expected, not ${Object.keys(actual)}`;
    return first(keys.map(key => () => difference(expected[key], actual[key], `${path}.${key}`)));
  }
  return expected === actual ? undefined : `${path}: ${JSON.stringify(expected)} was expected, not ${JSON.stringify(actual)}`;
}

function byText(items) {
  return [...items].sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
}

function first(checks) {
  for (const check of checks) {
    const found = check();
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `refused`, undefined when the answers are equal, or what is different. */
async function compared({ text, variables, operationName, locale }) {
  const expected = await memory.execute(parse(text), variables, operationName, locale);
  assert.equal(expected.errors, undefined, `${text}\n${JSON.stringify(variables)}\n${expected.errors?.[0]?.stack}`);
  const { body } = await post({ query: text, variables, operationName }, locale ? { 'accept-language': locale } : {});
  const code = body.errors?.[0]?.extensions?.code;
  if (/^(QUERY_TOO|TOO_MANY_ALIASES|FILTER_TOO_LARGE)/.test(code ?? '')) return 'refused';
  if (body.errors) return `errors: ${JSON.stringify(body.errors.slice(0, 2))}`;
  return difference(JSON.parse(JSON.stringify(expected.data)), body.data);
}

async function judge(tally, request) {
  const found = await compared(request);
  if (found === undefined || found === 'refused') {
    tally[found ?? 'agreed'] += 1;
    return;
  }
  const place = tally.differences.push('') - 1;
  const differs = async text => {
    if (documentVerdict(schema, text).verdict !== 'valid') return false;
    const again = await compared({ ...request, text }).catch(() => undefined);
    return again !== undefined && kind(again) === kind(found);
  };
  const text = place < 3 ? await shrunk(request.text, differs) : request.text;
  const what = await compared({ ...request, text });
  tally.differences[place] = `${text.trim()}\nvariables: ${JSON.stringify(request.variables)} locale: ${request.locale ?? ''}\n${what}`;
}

/** Of errors the first code, else that the data is different. */
function kind(found) {
  return found.startsWith('errors') ? /"code":"(\w+)"/.exec(found)?.[1] : found.replace(/.*: .*/s, 'data');
}

function request(choices) {
  language = random.chance(0.15) ? random.pick(LOCALES) : undefined;
  const { document, variables, operationName } = generate(schema, random, { fields, arguments: args, budget: 35, ...choices });
  return { text: respelled(print(document), random), variables, operationName, locale: language };
}

/** Documents in rounds, so that later ones can use cursors of earlier answers. */
async function rounds(tally, count, choices) {
  for (let done = 0; done < count; done += 50) {
    await pooled(Array.from({ length: 50 }, () => request(choices)), each => judge(tally, each));
  }
}

test('the rows that were read are a community', () => {
  for (const type of ['Course', 'Lesson', 'Category', 'Tag', 'Article', 'Tier', 'Plan', 'Comment']) {
    assert.ok(world.listed(type).length > 1, `${type}: ${world.listed(type).length} rows`);
  }
  assert.ok(isEnumType(schema.getType('CourseSort')));
});

test('answers are those of graphql-js over the same rows', async t => {
  const tally = new Tally('execute');
  await rounds(tally, WANTED, {});
  t.diagnostic(tally.summary());
  tally.assert();
  assert.ok(tally.agreed >= 500 || tally.refused < WANTED / 10, tally.summary());
});

test('answers with many variables and introspection are too', async t => {
  const tally = new Tally('execute, many variables');
  await rounds(tally, Math.round(WANTED / 2), { variableRate: 0.5 });
  t.diagnostic(tally.summary());
  tally.assert();
});
