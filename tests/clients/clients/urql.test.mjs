// urql: the core with the exchanges for authentication, retries, persisted
// queries and the normalized cache.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, cacheExchange, fetchExchange } from '@urql/core';
import { authExchange } from '@urql/exchange-auth';
import { cacheExchange as graphcache } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import { persistedExchange } from '@urql/exchange-persisted';
import { retryExchange } from '@urql/exchange-retry';
import { ENDPOINT, expired, register } from '../server.mjs';
import { COURSE, FORBIDDEN, HOME, INVALID, ME, PAGE, REFRESH, codesOf, recordingFetch, sha256 } from './documents.mjs';

function client(exchanges, options = {}) {
  return new Client({ url: ENDPOINT, exchanges: [...exchanges, fetchExchange], preferGetMethod: false, fetch, ...options });
}

function normalized(options = {}) {
  const unkeyed = () => null;
  return graphcache({ keys: { Money: unkeyed, Access: unkeyed, PageInfo: unkeyed }, ...options });
}

test('urql: a query is answered', async () => {
  const { data, error } = await client([cacheExchange]).query(HOME, { first: 3 });
  assert.equal(error, undefined);
  assert.equal(data.courses.nodes.length, 3);
});

test('urql: errors have their messages and codes', async () => {
  const each = client([cacheExchange]);
  const invalid = await each.query(INVALID, {});
  assert.deepEqual(codesOf(invalid.error), ['GRAPHQL_VALIDATION_FAILED'], `${invalid.error}`);
  assert.match(invalid.error.message, /nothing/);
  const refused = await each.mutation(FORBIDDEN, { name: 'By a visitor' });
  assert.deepEqual(codesOf(refused.error), ['UNAUTHENTICATED'], `${refused.error}`);
});

test('urql: pages join in the normalized cache', async () => {
  const each = client([normalized({ resolvers: { Query: { lessons: relayPagination() } } })]);
  let after;
  let data;
  do {
    ({ data } = await each.query(PAGE, { first: 3, after }));
    after = data.lessons.pageInfo.endCursor;
  } while (data.lessons.pageInfo.hasNextPage);
  const ids = data.lessons.edges.map(edge => edge.node.id);
  assert.equal(ids.length, data.lessons.totalCount);
  assert.equal(new Set(ids).size, ids.length);
});

test('urql: two languages stay apart in the normalized cache', async () => {
  const keys = { Course: course => `${course.id}:${course.locale}`, Money: () => null, Access: () => null, PageInfo: () => null };
  const each = client([graphcache({ keys })]);
  const { data } = await each.query('{ courses(first: 1) { nodes { id locale slug } } }', {});
  const [{ slug }] = data.courses.nodes;
  const read = async locale => (await each.query(COURSE, { slug, locale })).data.course;
  const english = await read('en');
  const chinese = await read('zh-CN');
  assert.notEqual(english.title, chinese.title);
  assert.equal(each.readQuery(COURSE, { slug, locale: 'en' }).data.course.title, english.title);
});

/** The exchange of urql's own guide: the header always, a refresh on an error of authentication. */
function session(tokens, counted) {
  return authExchange(async utils => ({
    addAuthToOperation: operation => utils.appendHeaders(operation, { Authorization: `Bearer ${tokens.accessToken}` }),
    didAuthError: error => codesOf(error).some(code => code === 'TOKEN_EXPIRED' || code === 'UNAUTHENTICATED'),
    refreshAuth: async () => {
      counted.refreshed += 1;
      const headers = { Authorization: `Bearer ${tokens.accessToken}` };
      const result = await utils.mutate(REFRESH, { token: tokens.refreshToken }, { fetchOptions: { headers } });
      assert.equal(result.error, undefined, `${result.error}`);
      Object.assign(tokens, result.data.refreshSession);
    },
  }));
}

test('urql: an expired token is refreshed by the exchange, and the query asked again', async () => {
  const member = await register();
  const tokens = { accessToken: expired(member.accessToken), refreshToken: member.refreshToken };
  const counted = { refreshed: 0 };
  const { data, error } = await client([cacheExchange, session(tokens, counted)]).query(ME, {});
  assert.equal(error, undefined, `${error}`);
  assert.equal(data.me.id, member.user.id);
  assert.equal(counted.refreshed, 1);
});

test('urql: a token that is nobody\'s is refreshed too', async () => {
  const member = await register();
  const tokens = { accessToken: 'not.a.token', refreshToken: member.refreshToken };
  const counted = { refreshed: 0 };
  const { data } = await client([session(tokens, counted)]).query(ME, {});
  assert.equal(data.me?.id, member.user.id);
  assert.equal(counted.refreshed, 1);
});

test('urql: a broken connection is tried again', async () => {
  let calls = 0;
  const unreliable = (...args) => {
    calls += 1;
    return calls === 1 ? Promise.reject(new TypeError('connection reset')) : fetch(...args);
  };
  const retry = retryExchange({ initialDelayMs: 1, maxNumberAttempts: 3, retryIf: error => Boolean(error?.networkError) });
  const { data, error } = await client([retry], { fetch: unreliable }).query(HOME, { first: 1 });
  assert.equal(error, undefined);
  assert.equal(data.courses.nodes.length, 1);
  assert.equal(calls, 2);
});

for (const preferGetForPersistedQueries of [false, 'force']) {
  test(`urql: persisted queries by ${preferGetForPersistedQueries ? 'GET' : 'POST'}`, async () => {
    const recorded = recordingFetch();
    const persisted = persistedExchange({ preferGetForPersistedQueries, generateHash: async text => sha256(text) });
    const each = client([persisted], { fetch: recorded });
    const query = `query Urql${process.pid}${preferGetForPersistedQueries} { courses(first: 1) { totalCount } }`;
    for (const count of [2, 3]) {
      const { data, error } = await each.query(query, {}, { requestPolicy: 'network-only' });
      assert.equal(error, undefined, `${error}`);
      assert.equal(typeof data.courses.totalCount, 'number');
      assert.equal(recorded.requests.length, count);
    }
    assert.equal(recorded.requests.at(-1).method, preferGetForPersistedQueries ? 'GET' : 'POST');
  });
}
