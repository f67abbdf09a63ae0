// A page of another origin, in a real browser: a visitor reads, registers,
// signs in, buys a membership at the pretend provider, reads what was locked,
// and comments. The page uses fetch alone, as any front end may.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { ENDPOINT } from './server.mjs';

const CHROMIUM = process.env.CLIENTS_CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>A front end</title>
<body><h1>A front end of another origin</h1><ul id="courses"></ul><p id="state"></p><ol id="comments"></ol>
<script>
let token = sessionStorage.getItem('token');
async function ask(query, variables = {}, method = 'POST', headers = {}) {
  const all = { accept: 'application/json', ...(token ? { authorization: 'Bearer ' + token } : {}), ...headers };
  const url = method === 'POST' ? ENDPOINT : ENDPOINT + '?' + new URLSearchParams({ query, variables: JSON.stringify(variables) });
  const response = await fetch(url, method === 'POST'
    ? { method, headers: { ...all, 'content-type': 'application/json' }, body: JSON.stringify({ query, variables }) }
    : { method, headers: all });
  const { data, errors } = await response.json();
  return { data, errors, status: response.status, requestId: response.headers.get('x-request-id') };
}
function remember(answer) { token = answer; sessionStorage.setItem('token', token); }
function show(id, rows) {
  document.getElementById(id).replaceChildren(...rows.map(text => Object.assign(document.createElement('li'), { textContent: text })));
}
</script></body></html>`;

let browser;
let page;
let site;
let origin;
let screenshots;

before(async () => {
  site = createServer((_, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(PAGE.replace('let token', `const ENDPOINT = ${JSON.stringify(ENDPOINT)}; let token`));
  });
  await new Promise(resolve => site.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${site.address().port}`;
  assert.ok(CHROMIUM, 'Chromium is not installed; CLIENTS_CHROMIUM names another place');
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  page = await browser.newPage();
  screenshots = await mkdtemp(join(tmpdir(), 'lyceum-browser-'));
  await page.goto(`${origin}/`);
});

after(async () => {
  await browser?.close();
  site?.close();
  site?.closeAllConnections();
});

const ask = (query, variables, method, headers) =>
  page.evaluate(all => globalThis.ask(...all), [query, variables, method, headers]);

/** The data of an answer that must have no errors. */
async function data(...all) {
  const answer = await ask(...all);
  assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
  return answer.data;
}

let locked;
let member;

test('a visitor reads, by POST and by GET, in a language of hers', async () => {
  const query = 'query ($first: Int!) { courses(first: $first, sort: [SLUG_ASC]) { nodes { id slug title access { requirement granted } } } }';
  const { courses } = await data(query, { first: 10 });
  assert.ok(courses.nodes.length > 1);
  locked = courses.nodes.find(each => each.access.requirement === 'TIER');
  assert.ok(locked, 'the demo has a course for members');
  await page.evaluate(rows => globalThis.show('courses', rows), courses.nodes.map(course => course.title));
  const byGet = await data(query, { first: 10 }, 'GET');
  assert.deepEqual(byGet.courses, courses);
  const [course] = courses.nodes;
  const { node } = await data('query ($id: ID!) { node(id: $id) { ... on Course { title } } }', { id: course.id }, 'POST', { 'accept-language': 'zh-CN' });
  assert.notEqual(node.title, course.title);
});

test('errors can be read by the page, with the headers of the answer', async () => {
  const answer = await ask('{ courses { nothing } }');
  assert.equal(answer.errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
  assert.ok(answer.requestId, 'x-request-id is exposed');
});

test('she registers and signs in', async () => {
  member = { email: `browser-${Date.now()}@clients.example`, password: 'correct horse battery 5' };
  const register = 'mutation ($email: String!, $password: String!) { register(input: { email: $email, password: $password, name: "Browser" }) { user { id } } }';
  const { register: made } = await data(register, member);
  const signIn = 'mutation ($email: String!, $password: String!) { signIn(input: { email: $email, password: $password }) { accessToken } }';
  const { signIn: signed } = await data(signIn, member);
  await page.evaluate(token => globalThis.remember(token), signed.accessToken);
  const { me } = await data('{ me { id name } }');
  assert.deepEqual(me, { id: made.user.id, name: 'Browser' });
});

test('she buys a membership at the pretend provider and comes back', async () => {
  const { tiers } = await data('{ tiers(sort: [RANK_DESC]) { nodes { plans(filter: { trialDays: { eq: 0 } }) { nodes { id } } } } }');
  const plan = tiers.nodes.flatMap(tier => tier.plans.nodes)[0];
  const checkout = `mutation ($plan: ID!, $returnUrl: String!) {
    checkout(input: { planId: $plan, provider: "sandbox", returnUrl: $returnUrl, idempotencyKey: "browser" }) { redirectUrl order { id state } }
  }`;
  const answer = await data(await checkoutDocument(checkout), { plan: plan.id, returnUrl: `${origin}/thanks` });
  await page.goto(answer.checkout.redirectUrl);
  await page.screenshot({ path: join(screenshots, 'provider.png') });
  await page.getByRole('button', { name: /^(Pay|确认支付)$/ }).click();
  await page.waitForURL(`${origin}/thanks*`);
  const order = async () => (await data('query ($id: ID!) { order(id: $id) { state } }', { id: answer.checkout.order.id })).order.state;
  await poll(async () => (await order()) === 'PAID');
  const { course } = await data('query ($slug: String!) { course(slug: $slug) { body access { granted } } }', { slug: locked.slug });
  assert.equal(course.access.granted, true);
  assert.ok(course.body);
});

/** What is bought is one input of a one-of where the schema has one. */
async function checkoutDocument(flat) {
  const { __type: input } = await data('{ __type(name: "CheckoutInput") { inputFields { name type { name kind ofType { name kind } } } } }');
  if (input.inputFields.some(field => field.name === 'planId')) return flat;
  const nested = input.inputFields.find(field => (field.type.ofType ?? field.type).kind === 'INPUT_OBJECT');
  const { __type: choice } = await data('query ($n: String!) { __type(name: $n) { inputFields { name } } }', { n: (nested.type.ofType ?? nested.type).name });
  const key = choice.inputFields.find(field => /^plan/.test(field.name)).name;
  return flat.replace('planId: $plan', `${nested.name}: { ${key}: $plan }`);
}

async function poll(condition) {
  const end = Date.now() + 20_000;
  while (!(await condition())) {
    assert.ok(Date.now() < end, 'it did not happen');
    await new Promise(resolve => setTimeout(resolve, 100));
  }
}

test('she comments, and everybody sees it', async () => {
  const add = 'mutation ($id: ID!) { addComment(input: { subjectId: $id, body: "The second lesson made me rewrite the whole letter.", locale: "en" }) { comment { id state } } }';
  const { addComment } = await data(add, { id: locked.id });
  assert.equal(addComment.comment.state, 'VISIBLE');
  const { course, me } = await data('query ($slug: String!) { me { name } course(slug: $slug) { title access { reason } comments(last: 20) { nodes { id body } } } }', { slug: locked.slug });
  assert.ok(course.comments.nodes.some(comment => comment.id === addComment.comment.id));
  await page.evaluate(rows => globalThis.show('comments', rows), course.comments.nodes.map(comment => comment.body));
  await page.evaluate(rows => globalThis.show('courses', rows), [`${course.title}: ${course.access.reason}, for ${me.name}`]);
  await page.screenshot({ path: join(screenshots, 'front-end.png') });
  console.log(`screenshots: ${screenshots}`);
});
