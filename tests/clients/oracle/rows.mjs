// The rows of the community as a visitor reads them, once per language.
//
// They are read by simple lists, and everything else is computed from them:
// relations, filters, orders and pages, as docs and schema say.

import { getNamedType, isLeafType } from 'graphql';
import { ask } from '../server.mjs';

export const LOCALES = ['en', 'zh-CN'];

const one = target => ({ kind: 'one', target });
const many = (target, via, order) => ({ kind: 'many', target, via, order });
const tags = { kind: 'listed', target: 'Tag' };
const tagged = (target, via) => ({ kind: 'inverse', target, via });

/** The relations of each type, and how each is found from the rows. */
export const RELATIONS = {
  Article: { category: one('Category'), accessTier: one('Tier'), author: one('User'), tags },
  Category: { author: one('User'), courses: many('Course', 'category'), articles: many('Article', 'category') },
  Comment: { author: one('User'), course: one('Course'), lesson: one('Lesson') },
  Course: {
    category: one('Category'), accessTier: one('Tier'), author: one('User'), tags,
    lessons: many('Lesson', 'course', 'POSITION_ASC'), comments: many('Comment', 'course'),
  },
  Lesson: { course: one('Course'), author: one('User'), comments: many('Comment', 'lesson') },
  Plan: { tier: one('Tier') },
  Tag: { author: one('User'), courses: tagged('Course', 'tags'), articles: tagged('Article', 'tags') },
  Tier: { plans: many('Plan', 'tier') },
  User: { courses: many('Course', 'author') },
};

/** The list root of each type. */
export const LISTS = {
  Article: 'articles', Category: 'categories', Comment: 'comments', Course: 'courses', Lesson: 'lessons',
  Plan: 'plans', Tag: 'tags', Tier: 'tiers', User: 'users',
};

const OBJECTS = { Money: ['minor', 'currency'], Access: ['granted', 'reason', 'requirement'] };

/** Whether the rows answer this field. Offers depend on prices of every plan and are left out. */
export function isModelled(type, field) {
  const target = getNamedType(field.type).name;
  if (OBJECTS[type.name]) return OBJECTS[type.name].includes(field.name);
  if (!RELATIONS[type.name]) return true;
  if (RELATIONS[type.name][field.name]) return true;
  return field.args.length === 0 && (isLeafType(getNamedType(field.type)) || target in OBJECTS);
}

/** Reads every row: `{ [locale]: { [type]: rows } }`. A user is listed when `users` has her. */
export async function readRows(schema) {
  const result = {};
  for (const locale of LOCALES) {
    const world = {};
    for (const type of Object.keys(LISTS)) world[type] = await readList(schema, type, locale);
    addAuthors(world);
    result[locale] = world;
  }
  return result;
}

async function readList(schema, type, locale) {
  const query = `query Rows($after: String, $locale: String) {
    rows: ${LISTS[type]}(first: 25, after: $after, sort: [ID_ASC], locale: $locale) {
      nodes { ${selection(schema, type)} } pageInfo { hasNextPage endCursor }
    }
  }`;
  const rows = [];
  for (let after = null; ; ) {
    const { rows: page } = await ask(query, { after, locale });
    rows.push(...page.nodes.map(row => ({ ...row, listed: true })));
    if (!page.pageInfo.hasNextPage) return rows;
    after = page.pageInfo.endCursor;
  }
}

function selection(schema, type, nested = false) {
  const parts = ['__typename'];
  for (const field of Object.values(schema.getType(type).getFields())) {
    const relation = RELATIONS[type][field.name];
    const target = getNamedType(field.type).name;
    if (relation?.kind === 'one' && !nested) parts.push(`${field.name} { ${target === 'User' ? selection(schema, 'User', true) : 'id'} }`);
    if (relation?.kind === 'listed' && !nested) parts.push(`${field.name}(first: 100) { nodes { id } }`);
    if (relation || !isModelled(schema.getType(type), field)) continue;
    parts.push(OBJECTS[target] ? `${field.name} { ${OBJECTS[target].join(' ')} }` : field.name);
  }
  return parts.join(' ');
}

/** Authors may be read without being listed. */
function addAuthors(world) {
  const known = new Set(world.User.map(user => user.id));
  for (const row of Object.values(world).flat()) {
    if (!row.author || known.has(row.author.id)) continue;
    known.add(row.author.id);
    world.User.push({ ...row.author, listed: false });
  }
}

/** The rows of one language with their relations. */
export class World {
  constructor(rows) {
    this.rows = rows;
    this.byId = new Map(Object.values(rows).flat().map(row => [row.id, row]));
  }

  all(type) {
    return this.rows[type] ?? [];
  }

  listed(type) {
    return this.all(type).filter(row => row.listed);
  }

  /** The row or rows that a relation leads to, in the relation's own order. */
  related(row, field) {
    const relation = RELATIONS[row.__typename][field];
    switch (relation.kind) {
      case 'one': return this.byId.get(row[field]?.id) ?? null;
      case 'listed': return row[field].nodes.map(each => this.byId.get(each.id)).filter(Boolean);
      case 'inverse': return this.tagged(row, relation);
      default: return this.all(relation.target).filter(each => each[relation.via]?.id === row.id);
    }
  }

  /** Those that list this row, by the place at which they list it. */
  tagged(row, { target, via }) {
    const place = each => each[via].nodes.findIndex(tag => tag.id === row.id);
    const found = this.all(target).filter(each => place(each) >= 0);
    return found.sort((a, b) => place(a) - place(b) || compareText(a.id, b.id));
  }
}

/** By code points, as the database compares. */
export function compareText(a, b) {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}

/** Compares two values of the named scalar or enumeration. */
export function compareValues(type, a, b) {
  switch (type) {
    case 'Int': case 'Long': case 'Decimal': case 'Float': return Number(a) - Number(b);
    case 'DateTime': return Date.parse(a) - Date.parse(b);
    case 'Boolean': return Number(a) - Number(b);
    default: return compareText(String(a), String(b));
  }
}
