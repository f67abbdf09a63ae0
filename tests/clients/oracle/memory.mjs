// An executable copy of the schema over rows in memory: graphql-js executes,
// and the rows were read once through the API.

import { execute } from 'graphql';
import { defaultSort, matches, page, sorted } from './lists.mjs';
import { LISTS, LOCALES, RELATIONS, World } from './rows.mjs';

const MARK = '\u0000cursor:';

/** What stands for a cursor in an expected answer: which row, in which list. */
function cursorMark(list, row) {
  return `${MARK}${list}#${row.id}`;
}

export function isCursorMark(value) {
  return typeof value === 'string' && value.startsWith(MARK);
}

export class Memory {
  /** Puts resolvers on the schema, which must be nobody else's. */
  constructor(schema, rows) {
    this.schema = schema;
    this.worlds = Object.fromEntries(LOCALES.map(locale => [locale, new World(rows[locale])]));
    /** The server's cursors that were seen, by the list they belong to. */
    this.cursors = new Map();
    this.rowOf = new Map();
    this.resolvers();
  }

  /** The answer that is expected; cursors in it are marks. */
  execute(document, variableValues, operationName, locale = LOCALES[0]) {
    return execute({ schema: this.schema, document, variableValues, operationName, contextValue: { locale } });
  }

  resolvers() {
    for (const type of ['Node', 'SearchEntry']) {
      const declared = this.schema.getType(type);
      if (declared) declared.resolveType = value => value.row.__typename;
    }
    for (const type of Object.keys(RELATIONS)) this.entity(type);
    const roots = this.schema.getQueryType().getFields();
    for (const [type, list] of Object.entries(LISTS)) {
      roots[list].resolve = (_, args, context) => this.root(type, args, context);
      roots[lookup(type)].resolve = (_, args, context) => this.single(type, args, context);
    }
    roots.node.resolve = (_, { id }, { locale }) => this.entry(locale, this.visible(locale, id));
    roots.me.resolve = () => null;
    roots.orders.resolve = (_, args) => this.connection('Order', 'orders', this.worlds[LOCALES[0]], LOCALES[0], [], args);
  }

  entity(type) {
    for (const field of Object.values(this.schema.getType(type).getFields())) {
      const relation = RELATIONS[type][field.name];
      if (!relation) field.resolve = ({ row }) => row[field.name];
      else if (relation.kind === 'one') {
        field.resolve = ({ row, locale }) => this.entry(locale, this.worlds[locale].related(row, field.name));
      } else field.resolve = ({ row, locale }, args) => this.relation(row, field.name, relation, locale, args);
    }
  }

  entry(locale, row) {
    return row ? { row, locale } : null;
  }

  visible(locale, id) {
    const row = this.worlds[locale].byId.get(id);
    return row?.listed ? row : null;
  }

  root(type, { locale: asked, ...args }, context) {
    const locale = asked ?? context.locale;
    return this.connection(type, type, this.worlds[locale], locale, this.worlds[locale].listed(type), args);
  }

  single(type, { locale: asked, id, slug, key }, context) {
    const locale = asked ?? context.locale;
    const world = this.worlds[locale];
    const [parent, name] = slug?.includes('/') ? slug.split('/') : [undefined, slug];
    const found = world.listed(type).find(row =>
      (id !== undefined && row.id === id) ||
      (key !== undefined && row.key === key) ||
      (slug !== undefined && row.slug === name && (!parent || world.related(row, 'course')?.slug === parent)));
    return this.entry(locale, found ?? null);
  }

  relation(row, field, relation, locale, args) {
    const world = this.worlds[locale];
    return this.connection(relation.target, `${row.id}.${field}`, world, locale, world.related(row, field), args, relation);
  }

  connection(type, place, world, locale, rows, args, relation) {
    const sort = args.sort?.length > 0 ? args.sort : defaultSort(type, relation);
    const filtered = rows.filter(row => matches(world, this.schema, row, args.filter));
    const ordered = sort === undefined ? filtered : sorted(this.schema, type, filtered, sort);
    const list = `${place}|${sort ?? 'own'}|${locale}`;
    const cursor = args.after ?? args.before;
    const part = page(ordered, args, ordered.findIndex(row => row.id === this.rowOf.get(cursor)));
    const marks = part.rows.map(row => cursorMark(list, row));
    const nodes = part.rows.map(row => this.entry(locale, row));
    return {
      nodes,
      edges: nodes.map((node, index) => ({ node, cursor: marks[index] })),
      totalCount: filtered.length,
      pageInfo: {
        startCursor: marks[0] ?? null,
        endCursor: marks.at(-1) ?? null,
        hasNextPage: part.after,
        hasPreviousPage: part.before,
      },
    };
  }

  /** Learns the server's cursor for a mark; says whether it is the same as before. */
  learn(mark, cursor) {
    const known = this.cursors.get(mark);
    if (known !== undefined) return known === cursor;
    this.cursors.set(mark, cursor);
    this.rowOf.set(cursor, mark.slice(mark.lastIndexOf('#') + 1));
    return true;
  }

  /** Cursors of a root list in one of its orders: `[{ sort, cursor }]`. */
  known(type, locale) {
    const found = [];
    for (const [mark, cursor] of this.cursors) {
      const [place, sort, language] = mark.slice(MARK.length, mark.lastIndexOf('#')).split('|');
      if (place === type && language === locale) found.push({ sort: sort.split(','), cursor });
    }
    return found;
  }
}

/** The root that gives one row: `course` for `Course`. */
export function lookup(type) {
  return type[0].toLowerCase() + type.slice(1);
}
