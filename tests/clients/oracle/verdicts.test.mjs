// The server and graphql-js must give the same verdict on every document and
// on every set of variables. Documents are made from the server's own schema.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Kind, getNamedType, isInputObjectType, parse, print } from 'graphql';
import { pooled } from '../server.mjs';
import { agree, documentVerdict, serverVerdict, variablesVerdict } from './judge.mjs';
import { generate } from './generate.mjs';
import { CLASSES, broken } from './mutate.mjs';
import { COUNT, Random, SEED } from './random.mjs';
import { Tally, difference } from './report.mjs';
import { serverSchema } from './schema.mjs';
import { shrunk } from './shrink.mjs';
import { respelled } from './spelling.mjs';
import { variants } from './variants.mjs';

// A visitor may call these, and they change something: only what is invalid is sent of them, by chance.
const OPEN = new Set([
  'beginSignIn', 'completeSignIn', 'refreshSession', 'register', 'requestPasswordReset', 'resetPassword', 'signIn', 'verifyEmail',
]);

// Places that random documents reach seldom.
const BASES = [
  '{ courses(filter: { createdAt: { gt: "2026-01-02T03:04:05Z" }, publishedAt: { in: ["2026-01-02T03:04:05Z"] } }) { totalCount } }',
  '{ courses(filter: { rating: { gt: "1.5", in: [2, "3.25"] }, price: { eq: 9900, currency: "CNY" } }) { totalCount } }',
  'mutation { installPlugin(input: { source: "x", config: { a: [1, "b"] } }) { plugin { name } } }',
  'mutation { checkout(input: { courseId: "course_x", provider: "sandbox", returnUrl: "http://localhost/", idempotencyKey: "k" }) { redirectUrl } }',
  'mutation { updateCourse(input: { id: "course_x", rating: "4.5", price: { minor: 1, currency: "CNY" }, metadata: { a: 1 } }) { course { id } } }',
  'query Q($f: CourseFilter!, $i: Boolean!) { courses(filter: { and: [$f, { level: { eq: BEGINNER } }] }) @include(if: $i) { totalCount } }',
];

const random = new Random(SEED);
const schema = await serverSchema();
const bases = BASES.filter(text => documentVerdict(schema, text).verdict === 'valid');
const mutations = {
  root: schema.getMutationType(),
  fields: type => Object.values(type.getFields()).filter(field => type !== schema.getMutationType() || !OPEN.has(field.name)),
};

/** Mutations that take a one-of, directly or below: random ones reach it seldom. */
const choosing = Object.values(schema.getMutationType().getFields())
  .filter(field => field.args.some(arg => holdsOneOf(getNamedType(arg.type))));

function holdsOneOf(type, above = new Set()) {
  if (!isInputObjectType(type) || above.has(type)) return false;
  const below = new Set([...above, type]);
  return type.isOneOf || Object.values(type.getFields()).some(field => holdsOneOf(getNamedType(field.type), below));
}

const ofChoices = {
  root: mutations.root,
  fields: type => (type === mutations.root ? choosing : mutations.fields(type)),
};

console.log(`LYCEUM_ORACLE_SEED=${SEED} LYCEUM_ORACLE_COUNT=${COUNT}`);

function operation(fault) {
  if (fault === 'one-of broken') return generate(schema, random, ofChoices);
  return generate(schema, random, random.chance(0.2) ? mutations : {});
}

/** Compares one request; the difference is added to the tally, the first of a class made small. */
async function compare(tally, { text, operationName, variables }) {
  const expected = requestVerdict(text, operationName, variables);
  const answer = await serverVerdict({ query: text, operationName, variables });
  if (agree(expected.verdict, answer.verdict)) {
    tally[answer.verdict === 'refused' ? 'refused' : 'agreed'] += 1;
    return;
  }
  tally.differences.push('');
  const place = tally.differences.length - 1;
  const small = place === 0 ? await shrunk(text, each => differs(each, operationName, variables)) : text;
  tally.differences[place] = await described(small, operationName, variables);
}

/** Of a valid document the variables are judged too. */
function requestVerdict(text, operationName, variables) {
  const judged = documentVerdict(schema, text);
  const several = judged.document?.definitions.filter(each => each.kind === Kind.OPERATION_DEFINITION).length > 1;
  if (judged.verdict !== 'valid' || (several && operationName === undefined)) return judged;
  return variablesVerdict(schema, judged.document, operationName, variables);
}

async function differs(text, operationName, variables) {
  const answer = await serverVerdict({ query: text, operationName, variables });
  return !agree(requestVerdict(text, operationName, variables).verdict, answer.verdict);
}

async function described(text, operationName, variables) {
  const expected = requestVerdict(text, operationName, variables);
  const answer = await serverVerdict({ query: text, operationName, variables });
  const reason = expected.errors[0]?.message;
  return difference(text, { variables, expected: expected.verdict, actual: answer.verdict, reason, body: answer.body });
}

test('valid documents are valid', async t => {
  const tally = new Tally('valid');
  const made = Array.from({ length: Math.round(COUNT * 0.35) }, () => operation());
  const requests = made.map(({ document, variables, operationName }) => ({
    text: respelled(print(document), random), variables, operationName,
  }));
  for (const { text } of requests) assert.equal(documentVerdict(schema, text).verdict, 'valid', text);
  await pooled(requests, request => compare(tally, request));
  t.diagnostic(tally.summary());
  tally.assert();
  assert.ok(tally.refused < requests.length / 10, `limits refuse ${tally.refused} of ${requests.length} ordinary documents`);
});

test('documents with a fault', async t => {
  const each = Math.ceil((COUNT * 0.65) / CLASSES.length);
  for (const fault of CLASSES) {
    await t.test(fault, async s => {
      const tally = new Tally(fault);
      await pooled(faulty(fault, each), request => compare(tally, request));
      s.diagnostic(tally.summary());
      tally.assert();
      assert.ok(tally.agreed > 0, 'nothing was compared');
    });
  }
});

/** Documents with this fault. Valid ones that a visitor could execute to an effect are left out. */
function faulty(fault, wanted) {
  const requests = [];
  for (let tries = 0; requests.length < wanted && tries < wanted * 20; tries += 1) {
    const base = random.chance(0.3) ? { document: parse(random.pick(bases)), variables: { f: {}, i: true } } : operation(fault);
    const text = broken(schema, base.document, fault, random);
    if (text === undefined || (text.includes('mutation') && harmful(text))) continue;
    requests.push({ text, variables: base.variables });
  }
  return requests;
}

function harmful(text) {
  const { verdict, document } = documentVerdict(schema, text);
  return verdict === 'valid' && [...OPEN].some(key => print(document).includes(`${key}(`));
}

test('variables are coerced as the specification says', async t => {
  const tallies = new Map();
  const requests = [];
  while (requests.length < COUNT) requests.push(...withVariants());
  await pooled(requests, ([kind, request]) => {
    if (!tallies.has(kind)) tallies.set(kind, new Tally(`variables: ${kind}`));
    return compareVariables(tallies.get(kind), request);
  });
  for (const [kind, tally] of tallies) {
    await t.test(kind, s => {
      s.diagnostic(tally.summary());
      tally.assert();
    });
  }
});

function withVariants() {
  const made = generate(schema, random, { ...(random.chance(0.2) ? mutations : {}), variableRate: 0.4, budget: 20 });
  const text = print(made.document);
  const definitions = made.document.definitions
    .filter(each => each.kind === Kind.OPERATION_DEFINITION)
    .flatMap(each => each.variableDefinitions ?? []);
  assert.equal(documentVerdict(schema, text).verdict, 'valid', text);
  if (definitions.length === 0) return [];
  return variants(definitions, made.variables, random, 8).map(([kind, variables]) => [
    kind, { text, operationName: made.operationName, variables },
  ]);
}

async function compareVariables(tally, { text, operationName, variables }) {
  const expected = variablesVerdict(schema, parse(text), operationName, variables);
  const answer = await serverVerdict({ query: text, operationName, variables });
  if (agree(expected.verdict, answer.verdict)) {
    tally[answer.verdict === 'refused' ? 'refused' : 'agreed'] += 1;
    return;
  }
  const reason = expected.errors[0]?.message;
  tally.differences.push(difference(text, { variables, expected: expected.verdict, actual: answer.verdict, reason, body: answer.body }));
}
