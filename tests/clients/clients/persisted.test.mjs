// Automatic persisted queries by Apollo's protocol, and caching of GET.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENDPOINT, bearer, codes, post, register } from '../server.mjs';
import { sha256 } from './documents.mjs';

let made = 0;

/** A document that nobody has sent before. */
function fresh(body = 'courses(first: 1) { totalCount }', kind = 'query') {
  made += 1;
  return `${kind} Fresh${process.pid}x${Date.now()}x${made} { ${body} }`;
}

const extensions = hash => ({ persistedQuery: { version: 1, sha256Hash: hash } });

function url(hash, more = {}) {
  const query = new URLSearchParams({ extensions: JSON.stringify(extensions(hash)), ...more });
  return `${ENDPOINT}?${query}`;
}

test('an unknown hash is answered as the protocol says', async () => {
  const { body } = await post({ extensions: extensions(sha256(fresh())) });
  assert.equal(body.errors[0].message, 'PersistedQueryNotFound');
  assert.deepEqual(codes(body), ['PERSISTED_QUERY_NOT_FOUND']);
  assert.ok(!('data' in body));
});

test('a document that was sent with its hash is known by it', async () => {
  const query = fresh();
  const hash = sha256(query);
  const sent = await post({ query, extensions: extensions(hash) });
  assert.equal(typeof sent.body.data.courses.totalCount, 'number');
  const known = await post({ extensions: extensions(hash) });
  assert.deepEqual(known.body.data, sent.body.data);
});

test('a document under the hash of another is refused and not remembered', async () => {
  const [query, other] = [fresh(), fresh()];
  const { body } = await post({ query, extensions: extensions(sha256(other)) });
  assert.ok(!('data' in body), JSON.stringify(body));
  const again = await post({ extensions: extensions(sha256(other)) });
  assert.deepEqual(codes(again.body), ['PERSISTED_QUERY_NOT_FOUND']);
});

test('a visitor\'s GET by hash may be cached, and a second one is answered by its tag alone', async () => {
  const query = fresh();
  await post({ query, extensions: extensions(sha256(query)) });
  const first = await fetch(url(sha256(query)));
  assert.equal(first.status, 200);
  assert.match(first.headers.get('cache-control') ?? '', /public, max-age=\d+/);
  assert.match(first.headers.get('vary') ?? '', /accept-language/i);
  const tag = first.headers.get('etag');
  assert.ok(tag, 'no ETag');
  await first.text();
  const second = await fetch(url(sha256(query)), { headers: { 'if-none-match': tag } });
  assert.equal(second.status, 304);
  assert.equal(await second.text(), '');
});

test('a member\'s GET by hash is cached by nobody', async () => {
  const member = await register();
  const query = fresh('me { id }');
  await post({ query, extensions: extensions(sha256(query)) });
  const response = await fetch(url(sha256(query)), { headers: bearer(member.accessToken) });
  assert.match(response.headers.get('cache-control') ?? '', /no-store/);
  assert.equal((await response.json()).data.me.id, member.user.id);
});

test('an answer with errors is cached by nobody', async () => {
  const query = fresh('moderationQueue { totalCount }');
  await post({ query, extensions: extensions(sha256(query)) });
  const response = await fetch(url(sha256(query)));
  assert.doesNotMatch(response.headers.get('cache-control') ?? '', /public/);
});

test('an unknown hash by GET is not cached', async () => {
  const response = await fetch(url(sha256(fresh())));
  assert.doesNotMatch(response.headers.get('cache-control') ?? '', /public/);
  assert.deepEqual(codes(await response.json()), ['PERSISTED_QUERY_NOT_FOUND']);
});

test('a mutation is not executed by GET, under a hash neither', async () => {
  const query = fresh('requestPasswordReset(input: { email: "nobody@clients.example" }) { __typename }', 'mutation');
  await post({ query, extensions: extensions(sha256(query)) });
  const response = await fetch(url(sha256(query)));
  assert.equal(response.status, 405);
});
