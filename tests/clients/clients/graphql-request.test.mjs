// graphql-request: the small client.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientError, GraphQLClient, request } from 'graphql-request';
import { ENDPOINT, bearer, register } from '../server.mjs';
import { FORBIDDEN, HOME, INVALID, ME, PAGE, codesOf } from './documents.mjs';

test('graphql-request: a query is answered', async () => {
  const data = await request(ENDPOINT, HOME, { first: 2 });
  assert.equal(data.courses.nodes.length, 2);
});

test('graphql-request: pages, one after the other', async () => {
  const client = new GraphQLClient(ENDPOINT);
  const ids = [];
  let after;
  let page;
  do {
    page = (await client.request(PAGE, { first: 4, after })).lessons;
    ids.push(...page.edges.map(edge => edge.node.id));
    after = page.pageInfo.endCursor;
  } while (page.pageInfo.hasNextPage);
  assert.equal(new Set(ids).size, page.totalCount);
});

test('graphql-request: errors have their messages and codes', async () => {
  const client = new GraphQLClient(ENDPOINT);
  for (const [document, code] of [[INVALID, 'GRAPHQL_VALIDATION_FAILED'], [FORBIDDEN, 'UNAUTHENTICATED'], [HOME, 'BAD_USER_INPUT']]) {
    const variables = document === FORBIDDEN ? { name: 'By a visitor' } : {};
    const failed = await client.request(document, variables).then(() => assert.fail('it passed'), error => error);
    assert.ok(failed instanceof ClientError);
    assert.deepEqual(codesOf(failed), [code], failed.message);
  }
});

test('graphql-request: a token by header, and the headers of the answer', async () => {
  const member = await register();
  const client = new GraphQLClient(ENDPOINT, { headers: bearer(member.accessToken) });
  const { data, headers } = await client.rawRequest(ME);
  assert.equal(data.me.id, member.user.id);
  assert.match(headers.get('cache-control') ?? '', /no-store/);
  assert.ok(headers.get('x-request-id'));
});

test('graphql-request: queries by GET', async () => {
  const client = new GraphQLClient(ENDPOINT, { method: 'GET', jsonSerializer: JSON });
  assert.equal((await client.request(HOME, { first: 1 })).courses.nodes.length, 1);
});
