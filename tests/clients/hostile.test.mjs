// Hostile documents: whatever is sent, the answer has a code of the closed
// table, never INTERNAL, and the server is well right after it.
//
// Nothing here measures time; a request that does not end fails by the limit
// that the client sets for itself.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { BASE, ENDPOINT } from './server.mjs';
import { Random, SEED } from './oracle/random.mjs';

const CODES = new Set(
  readFileSync(new URL('../../schema/error-codes', import.meta.url), 'utf8')
    .split('\n').map(line => line.trim().split(/\s+/)[0]).filter(Boolean),
);
const ENDS_WITHIN = 45_000;
const EACH = 6;
const random = new Random(SEED + 2);

const times = (count, piece) => Array.from({ length: count }, (_, index) => piece(index)).join(' ');
const around = (count, open, close, inner = '') => open.repeat(count) + inner + close.repeat(count);

/** Sizes from harmless to enormous. */
function size(most) {
  return Math.max(2, Math.round(most ** (0.4 + 0.6 * random.next())));
}

/** A literal that is nested `count` deep. */
function deep(count) {
  const [open, close] = random.pick([['[', ']'], ['{a:', '}'], ['[{not:', '}]'], ['{and:[', ']}'], ['[[', ']]']]);
  return around(count, open, close, random.pick(['1', '', '"x"', '$v', 'null', 'A']) || '1');
}

const places = [
  literal => `{ courses(sort: ${literal}) { totalCount } }`,
  literal => `{ courses(filter: ${literal}) { totalCount } }`,
  literal => `{ courses(first: ${literal}) { totalCount } }`,
  literal => `query ($v: JSON = ${literal}) { __typename }`,
  literal => `{ __typename @include(if: ${literal}) }`,
  literal => `{ __typename @nothing(a: ${literal}) }`,
  literal => `mutation { updateCourse(input: { id: "x", metadata: ${literal} }) { course { id } } }`,
  literal => `mutation { installPlugin(input: { config: ${literal} }) { plugin { name } } }`,
];

/** Each kind of attack: a body, or text that is sent as it is. */
const ATTACKS = {
  'deep literals': () => ({ query: random.pick(places)(deep(size(20000))) }),
  'deep literals that are cut off': () => ({ query: random.pick(places)(random.pick(['[', '{a:', '{not:', '[{and:[']).repeat(size(20000))) }),
  'nested filters': () => ({ query: `{ courses(filter: ${around(size(4000), '{not:', '}', '{slug:{eq:"a"}}')}) { totalCount } }` }),
  'deep types of variables': () => ({ query: `query ($v: ${around(size(20000), '[', ']', 'Int')}) { __typename }` }),
  'deep selections': () => {
    const [open, close] = random.pick([['{courses{nodes{category', '}}'], ['{...on Query', '}'], ['{...', '}'], ['{a', '}']]);
    const count = size(4000);
    return { query: `${open.repeat(count)}{__typename}${close.repeat(count)}` };
  },
  'braces alone': () => ({ query: random.pick(['{', '(', '[', '{a', '{a(b:', '...{', '"""', '@a(']).repeat(size(30000)) }),
  'chained fragments': () => {
    const count = size(5000);
    return { query: `${times(count, i => `fragment F${i} on Query{...F${i + 1}}`)} fragment F${count} on Query{__typename} {...F0}` };
  },
  'fragments that double': () => {
    const count = random.int(10, 60);
    const twice = i => `fragment F${i + 1} on Query{...F${i} ...F${i}}`;
    return { query: `fragment F0 on Query{__typename} ${times(count, twice)} {...F${count}}` };
  },
  'fragments that double below fields': () => {
    const count = random.int(5, 30);
    const twice = i => `fragment F${i + 1} on Category{a:courses{nodes{category{...F${i}}}} b:courses{nodes{category{...F${i}}}}}`;
    return { query: `fragment F0 on Category{id} ${times(count, twice)} {categories{nodes{...F${count}}}}` };
  },
  'inline fragments that double': () => ({ query: `{${around(size(2000), '...{__typename ...{', '}}', '__typename')}}` }),
  'fragments in cycles': () => {
    const count = size(300);
    return { query: `${times(count, i => `fragment F${i} on Query{${times(5, j => `...F${(i * 3 + j) % count}`)}}`)} {...F0}` };
  },
  'many aliases': () => ({ query: `{${times(size(6000), i => `a${i}:${random.pick(['__typename', 'courses{totalCount}', 'me{id}', 'search(query:"a"){totalCount}'])}`)}}` }),
  'aliases through a fragment': () => ({ query: `fragment F on Course{${times(40, i => `a${i}:title`)}} {${times(30, i => `c${i}:courses{nodes{...F}}`)}}` }),
  'the same field often': () => ({ query: `{${times(size(20000), () => random.pick(['__typename', 'courses{totalCount}', 'courses{nodes{title}}']))}}` }),
  'many directives': () => ({ query: `{__typename ${times(size(20000), i => random.pick(['@include(if:true)', '@aa', `@d${i}`]))}}` }),
  'directives on fragments': () => ({ query: `{${times(200, () => `... ${times(50, () => '@skip(if:false)')}{__typename}`)}}` }),
  'loops of introspection': () => {
    const count = random.int(2, 12);
    const [open, close] = random.pick([['possibleTypes{interfaces{', '}}'], ['fields{type{', '}}'], ['fields{args{type{', '}}}'], ['ofType{', '}']]);
    return { query: `{__type(name:"Node"){${around(count, open, close, 'name')}}}` };
  },
  'introspection many times': () => ({ query: `{${times(size(200), i => `a${i}:__schema{types{name fields{name type{name ofType{name}}}}}`)}}` }),
  'overlapping selections': () => {
    const [wide, deepness] = [random.int(5, 60), random.int(2, 6)];
    const one = level => (level === 0 ? 'id' : `category{${times(wide > 20 ? 2 : 3, () => `courses{nodes{${one(level - 1)}}}`)}}`);
    return { query: `{courses{nodes{${times(wide, () => one(Math.min(deepness, 3)))}}}}` };
  },
  'overlapping fragments': () => {
    const count = size(400);
    return { query: `${times(count, i => `fragment F${i} on Course{x${i % 7}:title a:category{${times(4, () => 'id name')}}}`)} {courses{nodes{${times(count, i => `...F${i}`)}}}}` };
  },
  'long names': () => {
    const name = 'a'.repeat(size(60000));
    return { query: random.pick([`{${name}}`, `{${name}:__typename}`, `query ${name}{__typename}`, `query($${name}:Int){__typename}`, `{...${name}}`, `{__typename @${name}}`, `{courses(${name}:1){totalCount}}`]) };
  },
  'many operations': () => ({ query: times(size(5000), i => `query Q${i}{__typename}`), operationName: 'Q0' }),
  'many variables': () => {
    const count = size(5000);
    return { query: `query(${times(count, i => `$v${i}:Int=${i}`)}){${times(count, i => `a${i}:courses(first:$v${i}){totalCount}`)}}` };
  },
  'long strings': () => {
    const text = random.pick(['a', '%', '\\\\', '课', '\\u0000', '\\u{1F600}', 'a b ']).repeat(size(100000));
    return { query: random.pick([`{search(query:"${text}"){totalCount}}`, `{course(slug:"${text}"){id}}`, `{node(id:"${text}"){id}}`, `{courses(filter:{title:{contains:"${text}"}}){totalCount}}`, `{courses(after:"${text}"){totalCount}}`, `{courses(locale:"${text}"){totalCount}}`]) };
  },
  'long sorts': () => ({ query: `{courses(sort:[${times(size(8000), () => random.pick(['TITLE_ASC', 'SLUG_DESC', 'ID_ASC', 'RATING_DESC']))}]){totalCount}}` }),
  'long filters': () => {
    const part = random.pick(['{title:{contains:"a"}}', '{slug:{eq:"a"}}', '{category:{slug:{eq:"a"}}}', '{not:{rating:{gt:1}}}', '{}']);
    return { query: `{courses(filter:{${random.pick(['and', 'or'])}:[${times(size(5000), () => part)}]}){totalCount}}` };
  },
  'long filters in variables': () => ({
    query: 'query($f:CourseFilter){courses(filter:$f){totalCount}}',
    variables: { f: { or: Array.from({ length: size(20000) }, (_, i) => ({ title: { contains: `${i}` } })) } },
  }),
  'long lists of values': () => {
    const many = Array.from({ length: size(50000) }, (_, i) => random.pick([`s${i}`, 'a']));
    const operator = random.pick(['in', 'notIn']);
    return { query: `query($l:[String!]){courses(filter:{slug:{${operator}:$l}}){totalCount nodes{lessons(filter:{slug:{${operator}:$l}}){totalCount}}}}`, variables: { l: many } };
  },
  'relations within relations': () => {
    const count = random.int(2, 40);
    const [open, close] = random.pick([['category:{courses:{', '}}'], ['lessons:{course:{', '}}'], ['tags:{courses:{', '}}'], ['author:{courses:{', '}}']]);
    return { query: `{courses(first:1,filter:{${around(count, open, close, 'title:{contains:"zzz"}')}}){totalCount}}` };
  },
  'relations in variables': () => {
    let f = { title: { contains: 'zzz' } };
    for (let i = 0; i < random.int(2, 40); i += 1) f = { category: { courses: f } };
    return { query: 'query($f:CourseFilter){courses(filter:$f){totalCount}}', variables: { f } };
  },
  'deep variables': () => {
    const count = size(20000);
    const [open, close] = random.pick([['[', ']'], ['{"not":', '}'], ['{"a":', '}']]);
    const query = JSON.stringify(random.pick(['query($f:CourseFilter){courses(filter:$f){totalCount}}', 'mutation($f:JSON){installPlugin(input:{config:$f}){plugin{name}}}', '{__typename}']));
    return `{"query":${query},"variables":{"f":${around(count, open, close, '1')}}}`;
  },
  'wide variables': () => ({ query: '{__typename}', variables: Object.fromEntries(Array.from({ length: size(40000) }, (_, i) => [`v${i}`, i])) }),
  'large numbers': () => {
    const number = random.pick(['9'.repeat(size(50000)), `1${'0'.repeat(size(20000))}`, `1e${'9'.repeat(size(2000))}`, `0.${'0'.repeat(size(20000))}1`, '-0', '1e-400']);
    return { query: `{courses(${random.pick([`first:${number}`, `filter:{rating:{gt:${number}}}`, `filter:{price:{gt:${number}}}`, `filter:{rating:{gt:"${number}"}}`])}){totalCount}}` };
  },
  'large pages': () => ({ query: `{courses(first:${random.pick([101, 2147483647, -1])}){nodes{lessons(first:100){nodes{comments(first:100){nodes{author{courses(first:100){nodes{title}}}}}}}}}}` }),
  'expensive roots': () => ({ query: `{${times(size(60), i => `a${i}:${random.pick(['recommendedCourses(first:50){nodes{title}}', 'search(query:"a b c d",first:50){nodes{snippets{html}}}', 'lessons(first:100,sort:[TITLE_DESC]){nodes{body}}'])}`)}}` }),
  'odd bodies': () => random.pick(['', '[]', '[[]]', 'null', '"x"', '{}', '{"query":null}', '{"query":1}', '["{__typename}",null,null]', '{"query":"{__typename}","variables":[]}', '{"query":"{__typename}","extensions":"x"}', '{"query":"{__typename}","operationName":1}', '\u0000', '{"query":"{__typename}"', `[${times(500, () => '{"query":"{__typename}"}').replaceAll(' ', ',')}]`]),
  'odd characters': () => ({ query: random.pick(['\u0000', '{\u0000}', '{__typename}\uD800', '\u202E{__typename}', '{＿＿typename}', '{__typename}\u0007', '\uFEFF\uFEFF{__typename}', '{ # \u0000\n __typename }']) }),
  'persisted queries': () => ({ extensions: { persistedQuery: random.pick([{}, { version: 1 }, { version: 2, sha256Hash: 'x' }, { version: 1, sha256Hash: 'a'.repeat(64) }, { version: 1, sha256Hash: 'x'.repeat(size(50000)) }, { version: 1, sha256Hash: 1 }, []]) }, ...(random.chance(0.4) ? { query: '{__typename}' } : {}) }),
};

async function send(body) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(ENDPOINT, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: random.pick(['application/json', 'application/graphql-response+json']) },
    body: text,
    signal: AbortSignal.timeout(ENDS_WITHIN),
  });
  return { status: response.status, text: await response.text() };
}

function checked({ status, text }) {
  const answer = JSON.parse(text);
  const errors = answer.errors ?? [];
  assert.ok('data' in answer || errors.length > 0, `${status}: neither data nor errors`);
  for (const error of errors) {
    const code = error.extensions?.code;
    assert.ok(CODES.has(code), `${status}: the code ${code} is in no table: ${error.message?.slice(0, 200)}`);
    assert.notEqual(code, 'INTERNAL', error.message);
    assert.doesNotMatch(error.message, /\bstruct\b|\bserde\b|panicked|\.rs:\d/, 'the message is of the inside');
    assert.ok(error.message.length < 4000, `a message of ${error.message.length} characters`);
  }
  assert.notEqual(status, 500);
}

async function isWell() {
  const health = await fetch(`${BASE}/healthz`, { signal: AbortSignal.timeout(ENDS_WITHIN) });
  await health.text();
  assert.equal(health.status, 200, '/healthz');
}

let gone = false;

test('hostile documents are answered with a code of the table', async t => {
  for (const [name, attack] of Object.entries(ATTACKS)) {
    await t.test(name, async () => {
      assert.ok(!gone, 'an earlier document ended or blocked the server');
      for (let round = 0; round < EACH; round += 1) {
        const body = attack();
        const shown = (typeof body === 'string' ? body : JSON.stringify(body)).slice(0, 300);
        try {
          checked(await send(body));
          await isWell();
        } catch (error) {
          gone = await isWell().then(() => false, () => true);
          throw new Error(`${shown}\n${error.message} ${error.cause?.code ?? ''}`, { cause: error });
        }
      }
    });
  }
});
