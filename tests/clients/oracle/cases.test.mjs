// Documents that were judged otherwise than by graphql-js once, and must never
// be again. Each says what the specification makes of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'graphql';
import { ENDPOINT, ask, codes, post } from '../server.mjs';
import { documentVerdict, serverVerdict, variablesVerdict } from './judge.mjs';
import { serverSchema } from './schema.mjs';

const schema = await serverSchema();
const { courses } = await ask('{ courses(first: 1, sort: [SLUG_ASC]) { nodes { id slug title } } }');
const [course] = courses.nodes;

/** [what it is about, the verdict, the document, variables] */
const DOCUMENTS = [
  // Conflicting fields, alone and through fragments.
  ['fields in conflict', 'invalid', '{ courses(first: 1) { nodes { x: slug x: title } } }'],
  ['fields in conflict through a fragment', 'invalid', '{ courses(first: 1) { nodes { x: slug ...F } } } fragment F on Course { x: title }'],
  ['arguments in conflict through a fragment', 'invalid', '{ courses(first: 1) { nodes { id } } ...F } fragment F on Query { courses(first: 2) { nodes { id } } }'],
  ['conflict below merged fields', 'invalid', '{ courses { nodes { x: id } } courses { nodes { x: slug } } }'],
  ['conflict within an inline fragment', 'invalid', '{ courses(first: 1) { totalCount } ... { courses(first: 2) { totalCount } } }'],
  ['types in conflict between members', 'invalid', '{ node(id: "x") { ... on Course { x: title } ... on Tier { x: rank } } }'],
  ['other fields of other members', 'valid', '{ node(id: "x") { ... on Course { x: title } ... on Article { x: slug } } }'],
  ['nullability in conflict between members', 'invalid', '{ node(id: "x") { ... on Course { x: title } ... on Tier { x: name } } }'],
  // Input objects.
  ['input field given twice', 'invalid', '{ courses(filter: { slug: { eq: "a" }, slug: { eq: "b" } }) { totalCount } }'],
  ['nested input field given twice', 'invalid', '{ courses(filter: { slug: { eq: "a", eq: "b" } }) { totalCount } }'],
  ['input field of a mutation given twice', 'invalid', 'mutation { deleteTag(input: { id: "a", id: "b" }) { deletedId } }'],
  // Variables in positions that their type does not allow.
  ['String! for Int', 'invalid', 'query ($a: String!) { courses(first: $a) { totalCount } }', { a: 2 }],
  ['String for Int', 'invalid', 'query ($a: String) { courses(first: $a) { totalCount } }', {}],
  ['Int for String', 'invalid', 'query ($a: Int) { courses(locale: $a) { totalCount } }', {}],
  ['ID for String', 'invalid', 'query ($a: ID) { courses(locale: $a) { totalCount } }', {}],
  ['String for ID', 'invalid', 'query ($a: String) { course(id: $a) { id } }', {}],
  ['nullable for required', 'invalid', 'query ($a: ID) { node(id: $a) { id } }', { a: 'x' }],
  ['nullable Boolean for a condition', 'invalid', 'query ($a: Boolean) { __typename @include(if: $a) }', { a: true }],
  ['Int for Boolean of a condition', 'invalid', 'query ($a: Int!) { courses @skip(if: $a) { totalCount } }', { a: 1 }],
  ['list of nullable items for a list of required ones', 'invalid', 'query ($a: [CourseSort]) { courses(sort: $a) { totalCount } }', {}],
  ['one item for a list', 'invalid', 'query ($a: CourseSort) { courses(sort: $a) { totalCount } }', {}],
  ['another enumeration', 'invalid', 'query ($a: [LessonSort!]) { courses(sort: $a) { totalCount } }', {}],
  ['another input object', 'invalid', 'query ($a: LessonFilter) { courses(filter: $a) { totalCount } }', {}],
  ['String for String! within an input object', 'invalid', 'mutation ($a: String) { signIn(input: { email: $a, password: "x" }) { accessToken } }', { a: 'x' }],
  ['[String] for [String!] within an input object', 'invalid', 'query ($a: [String]) { courses(filter: { slug: { in: $a } }) { totalCount } }', {}],
  ['Int for String within an input object', 'invalid', 'query ($a: Int) { courses(filter: { slug: { eq: $a } }) { totalCount } }', {}],
  ['nullable item within a list', 'invalid', 'query ($a: CourseFilter) { courses(filter: { and: [$a] }) { totalCount } }', {}],
  ['default makes a nullable variable fit', 'valid', 'query ($a: Boolean = true) { __typename @include(if: $a) }'],
  ['null as a default does not', 'invalid', 'query ($a: Boolean = null) { __typename @include(if: $a) }'],
  ['required for nullable', 'valid', 'query ($a: Int!) { courses(first: $a) { totalCount } }', { a: 1 }],
  // Literals.
  ['enumeration in quotes', 'invalid', '{ courses(sort: ["TITLE_ASC"]) { totalCount } }'],
  ['enumeration in quotes within a filter', 'invalid', '{ courses(filter: { level: { eq: "BEGINNER" } }) { totalCount } }'],
  ['32 bits exceeded', 'invalid', '{ courses(first: 2147483648) { totalCount } }'],
  ['fraction for Int', 'invalid', '{ courses(first: 1.0) { totalCount } }'],
  ['string for Int', 'invalid', '{ courses(first: "1") { totalCount } }'],
  ['number for String', 'invalid', '{ courses(locale: 1) { totalCount } }'],
  ['number for ID', 'valid', '{ course(id: 1) { id } }'],
  ['null for a required argument', 'invalid', '{ node(id: null) { id } }'],
  ['no date', 'invalid', '{ courses(filter: { createdAt: { gt: "yesterday" } }) { totalCount } }'],
  ['no decimal', 'invalid', '{ courses(filter: { rating: { gt: "abc" } }) { totalCount } }'],
  ['no long', 'invalid', '{ courses(filter: { price: { gt: 9007199254740992 } }) { totalCount } }'],
  ['fraction for Long', 'invalid', '{ courses(filter: { price: { eq: 1.0 } }) { totalCount } }'],
  ['null within a list that is JSON', 'valid', 'mutation { setPluginGrants(input: { grants: [1, "two", null], name: "x" }) { plugin { id } } }'],
  ['null within an object that is JSON', 'valid', 'mutation { setPluginGrants(input: { grants: { a: [null] }, name: "x" }) { plugin { id } } }'],
  ['null for JSON!', 'invalid', 'mutation { setPluginGrants(input: { grants: null, name: "x" }) { plugin { id } } }'],
  ['a file as a literal', 'invalid', 'mutation { installPlugin(input: { package: "QUJD" }) { plugin { name } } }'],
  // Directives on a meta field.
  ['unknown directive on __typename', 'invalid', '{ __typename @nope }'],
  ['@include twice on __typename', 'invalid', '{ __typename @include(if: true) @include(if: true) }'],
  ['@include without a condition on __typename', 'invalid', '{ __typename @include }'],
  ['@skip with a string', 'invalid', '{ courses @skip(if: "yes") { totalCount } }'],
  ['unknown directive on a fragment', 'invalid', '{ ... @nope { __typename } }'],
  ['many unknown directives', 'invalid', `{ __typename ${'@aa '.repeat(50)} }`],
  // Valid documents that were refused.
  ['variable used by a condition of __typename', 'valid', 'query ($a: Boolean = true) { __typename @include(if: $a) }'],
  ['surrogate pair in a literal', 'valid', '{ tier(key: "\\uD83D\\uDE00") { id } }'],
  ['code point escape in a literal', 'valid', '{ tier(key: "\\u{1F600}") { id } }'],
  ['lone surrogate', 'invalid', '{ tier(key: "\\uD83D") { id } }'],
  ['comma before a colon', 'valid', 'query ($a, : Int) { x, : courses(first, : $a, locale, : "en") { totalCount } }'],
  ['comma after a spread', 'valid', '{ ..., F ..., on Query { __typename } ..., @include(if: true) { __typename } } fragment F on Query { __typename }'],
  ['description of an operation', 'valid', '"What it asks." query Q { __typename }'],
  ['description of a fragment', 'valid', '{ ...F } """A part.""" fragment F on Query { __typename }'],
  ['description of a variable', 'valid', 'query ("How many." $a: Int) { courses(first: $a) { totalCount } }'],
  ['description of a shorthand query', 'invalid', '"What it asks." { __typename }'],
  // Introspection beside other fields.
  ['__schema in an inline fragment', 'valid', '{ ... on Query { __schema { queryType { name } } } }'],
  ['__schema in a fragment', 'valid', '{ ...F } fragment F on Query { __schema { queryType { name } } }'],
  ['__schema beside a fragment', 'valid', '{ __schema { queryType { name } } ...F } fragment F on Query { courses(first: 1) { totalCount } }'],
  ['__type beside a variable of another field', 'valid', 'query ($a: Int) { __type(name: "Course") { name } courses(first: $a) { totalCount } }', { a: 1 }],
  ['__type with a variable', 'valid', 'query ($a: String!) { __type(name: $a) { name } }', { a: 'Course' }],
  ['__schema in a mutation', 'invalid', 'mutation { __schema { queryType { name } } }'],
  // The rest of the report.
  ['required variable', 'valid', 'query ($f: Int!) { courses(first: $f) { totalCount } }', {}],
  ['unused variable', 'invalid', 'query ($a: Int) { __typename }'],
  ['argument given twice', 'invalid', '{ courses(first: 1, first: 1) { totalCount } }'],
  ['subscription', 'invalid', 'subscription { courses { totalCount } }'],
  ['fragments in a cycle', 'invalid', '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }'],
  ['leaf with a selection', 'invalid', '{ courses { totalCount { x } } }'],
  ['object without a selection', 'invalid', '{ courses { nodes } }'],
];

test('documents of the past', async t => {
  for (const [about, verdict, text, variables] of DOCUMENTS) {
    await t.test(about, async () => {
      assert.equal(documentVerdict(schema, text).verdict, verdict, 'graphql-js');
      const answer = await serverVerdict({ query: text, variables });
      const executed = verdict === 'valid' && answer.verdict === 'variables' ? 'valid' : answer.verdict;
      assert.equal(executed, verdict, JSON.stringify(answer.body));
    });
  }
});

/** [what it is about, the verdict, the document, variables]: the document is valid. */
const VARIABLES = [
  ['required and absent', 'variables', 'query ($a: ID!) { node(id: $a) { id } }', {}],
  ['required and null', 'variables', 'query ($a: ID!) { node(id: $a) { id } }', { a: null }],
  ['no variables at all', 'variables', 'query ($a: ID!) { node(id: $a) { id } }', undefined],
  ['required within a filter', 'variables', 'query ($u: ID!) { orders(filter: { user: { id: { eq: $u } } }) { totalCount } }', {}],
  ['required condition', 'variables', 'query ($i: Boolean!) { courses { totalCount @include(if: $i) } }', {}],
  ['condition of another kind', 'variables', 'query ($i: Boolean!) { courses { totalCount @include(if: $i) } }', { i: 'yes' }],
  ['one item for a list', 'valid', 'query ($s: [CourseSort!]) { courses(sort: $s) { totalCount } }', { s: 'TITLE_ASC' }],
  ['null within a list', 'variables', 'query ($s: [CourseSort!]) { courses(sort: $s) { totalCount } }', { s: [null] }],
  ['unknown enumeration value', 'variables', 'query ($s: [CourseSort!]) { courses(sort: $s) { totalCount } }', { s: ['NOTHING'] }],
  ['unknown field inside', 'variables', 'query ($f: CourseFilter) { courses(filter: $f) { totalCount } }', { f: { nothing: 1 } }],
  ['number for String', 'variables', 'query ($f: CourseFilter) { courses(filter: $f) { totalCount } }', { f: { slug: { eq: 1 } } }],
  ['string for Int', 'variables', 'query ($a: Int) { courses(first: $a) { totalCount } }', { a: '1' }],
  ['fraction for Int', 'variables', 'query ($a: Int) { courses(first: $a) { totalCount } }', { a: 1.5 }],
  ['32 bits exceeded', 'variables', 'query ($a: Int) { courses(first: $a) { totalCount } }', { a: 2147483648 }],
  ['number for ID', 'valid', 'query ($a: ID!) { node(id: $a) { id } }', { a: 7 }],
  ['Boolean for ID', 'variables', 'query ($a: ID!) { node(id: $a) { id } }', { a: true }],
  ['not declared', 'valid', 'query ($a: Int) { courses(first: $a) { totalCount } }', { a: 1, b: 2 }],
  ['no date', 'variables', 'query ($a: DateTime) { courses(filter: { createdAt: { gt: $a } }) { totalCount } }', { a: 'yesterday' }],
  ['no decimal', 'variables', 'query ($a: Decimal) { courses(filter: { rating: { gt: $a } }) { totalCount } }', { a: 'abc' }],
  ['no long', 'variables', 'query ($a: Long) { courses(filter: { price: { gt: $a } }) { totalCount } }', { a: 9007199254740992 }],
  ['a file as a string', 'variables', 'mutation ($a: Upload) { installPlugin(input: { package: $a }) { plugin { name } } }', { a: 'QUJD' }],
];

test('variables of the past', async t => {
  for (const [about, verdict, text, variables] of VARIABLES) {
    await t.test(about, async () => {
      assert.equal(documentVerdict(schema, text).verdict, 'valid', 'graphql-js: the document');
      assert.equal(variablesVerdict(schema, parse(text), undefined, variables).verdict, verdict, 'graphql-js');
      const answer = await serverVerdict({ query: text, variables });
      assert.equal(answer.verdict, verdict, JSON.stringify(answer.body));
    });
  }
});

test('a verdict does not depend on who came before', async () => {
  const query = 'query Cached($i: Boolean!) { courses(first: 1) { totalCount @include(if: $i) } }';
  for (const [variables, verdict] of [[{ i: 'yes' }, 'variables'], [{ i: true }, 'valid'], [{ i: 'yes' }, 'variables'], [{}, 'variables']]) {
    assert.equal((await serverVerdict({ query, variables })).verdict, verdict, JSON.stringify(variables));
  }
});

test('introspection beside other fields is answered', async () => {
  const data = await ask('query ($a: Int) { ... on Query { __schema { queryType { name } } } ...F courses(first: $a) { totalCount } } fragment F on Query { __type(name: "Course") { name } }', { a: 1 });
  assert.equal(data.__schema.queryType.name, 'Query');
  assert.equal(data.__type.name, 'Course');
  assert.equal(typeof data.courses.totalCount, 'number');
});

test('introspection in a document with two operations is answered', async () => {
  const { body } = await post({ query: 'query A { __schema { queryType { name } } } query B { __typename }', operationName: 'A' });
  assert.deepEqual(body.data, { __schema: { queryType: { name: 'Query' } } });
});

test('among several operations one must be named, and be there', async () => {
  const query = 'query A { a: __typename } query B { b: __typename }';
  for (const operationName of [undefined, null, 'C']) {
    const { status, body } = await post({ query, operationName });
    assert.equal(status, 400, JSON.stringify(body));
    assert.ok(!('data' in body) && body.errors.length > 0);
    assert.notDeepEqual(codes(body), ['INTERNAL']);
  }
  assert.deepEqual((await post({ query, operationName: 'B' })).body.data, { b: 'Query' });
});

test('a list is no request, and null is no variables', async () => {
  const list = await post('["{__typename}", null, null]');
  assert.equal(list.status, 400);
  assert.deepEqual(codes(list.body), ['BAD_REQUEST']);
  const response = await fetch(`${ENDPOINT}?query={__typename}&variables=null`);
  assert.deepEqual((await response.json()).data, { __typename: 'Query' });
});

test('a message about a variable names it', async () => {
  const { body } = await post({ query: 'query ($page: Int!) { courses(first: $page) { totalCount } }' });
  assert.match(body.errors[0].message, /\$page\b/);
});

test('both escapes of a code point mean the same text', async () => {
  const data = await ask('{ a: __type(name: "\\u0043ourse") { name } b: __type(name: "\\u{43}ourse") { name } }');
  assert.deepEqual(data, { a: { name: 'Course' }, b: { name: 'Course' } });
});

test('an absent variable leaves the filter field out, in a list too', async () => {
  const query = `query ($slug: String, $locale: String) {
    courses(filter: { slug: { eq: $slug } }, locale: $locale) { totalCount }
    all: courses { totalCount }
  }`;
  const data = await ask(query);
  assert.equal(data.courses.totalCount, data.all.totalCount);
});

test('errors say where: locations and path stand beside the message', async () => {
  const invalid = await post({ query: '{\n  courses {\n    nothing\n  }\n}' });
  assert.equal(invalid.body.errors.length, 1, JSON.stringify(invalid.body.errors));
  assert.deepEqual(invalid.body.errors[0].locations, [{ line: 3, column: 5 }]);
  assert.equal(invalid.body.errors[0].extensions.locations, undefined);
  const field = await post({ query: '{ a: moderationQueue { totalCount } }' });
  assert.deepEqual(field.body.errors[0].path, ['a']);
  assert.deepEqual(field.body.errors[0].locations, [{ line: 1, column: 3 }]);
  assert.deepEqual(field.body.data, { a: null });
});

test('a field that fails is null, and the others are answered', async () => {
  const query = '{ ...F courses(first: 1) { totalCount } } fragment F on Query { x: moderationQueue { totalCount } ... { y: moderationQueue { totalCount } } }';
  const { status, body } = await post({ query });
  assert.equal(status, 200);
  assert.deepEqual([body.data.x, body.data.y, typeof body.data.courses.totalCount], [null, null, 'number']);
  assert.deepEqual(body.errors.map(error => error.path).sort(), [['x'], ['y']]);
  assert.deepEqual(Object.keys(body.data), ['x', 'y', 'courses']);
});

test('a page without rows has no cursors, whatever else is asked of it', async () => {
  const empty = ['first: 0', 'last: 0', 'filter: { id: { in: [] } }', 'last: 2, filter: { id: { in: [] } }'];
  const parts = ['startCursor', 'endCursor', 'hasPreviousPage', 'hasNextPage', '__typename', 'startCursor endCursor'];
  for (const args of empty) {
    for (const part of parts) {
      const page = `tags(${args}) { pageInfo { ${part} } }`;
      const data = await ask(`{ ${page} courses(first: 1) { nodes { ${page} } } }`);
      for (const { pageInfo } of [data.tags, data.courses.nodes[0].tags]) {
        assert.deepEqual([pageInfo.startCursor ?? null, pageInfo.endCursor ?? null], [null, null], page);
      }
    }
  }
});

test('a parse error does not repeat the document', async () => {
  const { body } = await post({ query: `{ ${'courses { totalCount } '.repeat(500)} !` });
  assert.deepEqual([...new Set(codes(body))], ['GRAPHQL_PARSE_FAILED']);
  const length = JSON.stringify(body).length;
  assert.ok(length < 4000, `${length} characters`);
});

test('node takes an id alone and an entry says its language', async () => {
  assert.deepEqual(schema.getQueryType().getFields().node.args.map(arg => arg.name), ['id']);
  const query = 'query ($id: ID!) { node(id: $id) { id ... on Course { locale title } } }';
  for (const locale of ['en', 'zh-CN']) {
    const answer = await post({ query, variables: { id: course.id } }, { 'accept-language': locale });
    assert.equal(answer.body.data?.node?.locale, locale, JSON.stringify(answer.body));
    assert.equal(answer.headers.get('content-language'), locale);
  }
});

test('every element of the schema has a description and scalars name their specification', () => {
  const nameless = [];
  for (const type of Object.values(schema.getTypeMap()).filter(each => !each.name.startsWith('__'))) {
    if (!type.description) nameless.push(type.name);
    for (const field of Object.values(type.getFields?.() ?? {})) {
      if (!field.description) nameless.push(`${type.name}.${field.name}`);
      for (const arg of field.args ?? []) if (!arg.description) nameless.push(`${type.name}.${field.name}(${arg.name})`);
    }
    for (const value of type.getValues?.() ?? []) if (!value.description) nameless.push(`${type.name}.${value.name}`);
  }
  assert.deepEqual(nameless, []);
  const scalars = ['DateTime', 'Decimal', 'Long', 'JSON', 'Upload'];
  assert.deepEqual(scalars.filter(key => !schema.getType(key).specifiedByURL), []);
});

test('where exactly one input is meant the schema says so', () => {
  const oneOf = Object.values(schema.getTypeMap()).filter(type => type.isOneOf);
  assert.ok(oneOf.length > 0, 'no input is @oneOf');
});
