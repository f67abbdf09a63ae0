// Apollo Client 3 and 4: queries, pages, errors, persisted queries, refreshed
// tokens, and two languages in one cache.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { ENDPOINT, ask, bearer, expired, post, register } from '../server.mjs';
import { COURSE, FORBIDDEN, HOME, INVALID, ME, PAGE, REFRESH, codesOf, recordingFetch, sha256 } from './documents.mjs';

const require = createRequire(import.meta.url);

/** Both versions behind the same names. */
const VERSIONS = {
  'Apollo Client 3': {
    ...require('apollo3/core'),
    ...require('apollo3/utilities'),
    ...require('apollo3/link/context'),
    ...require('apollo3/link/error'),
    ...require('apollo3/link/persisted-queries'),
    codesIn: ({ graphQLErrors }) => (graphQLErrors ?? []).map(each => each.extensions?.code),
  },
  'Apollo Client 4': {
    ...(await import('apollo4/core')),
    ...(await import('apollo4/utilities')),
    ...(await import('apollo4/link/context')),
    ...(await import('apollo4/link/error')),
    ...(await import('apollo4/link/persisted-queries')),
    codesIn: ({ error }) => codesOf(error),
  },
};

function client(apollo, { links = [], fetch: used = fetch, cache = {}, http = {} } = {}) {
  const { ApolloClient, ApolloLink, HttpLink, InMemoryCache } = apollo;
  return new ApolloClient({
    link: ApolloLink.from([...links, new HttpLink({ uri: ENDPOINT, fetch: used, ...http })]),
    cache: new InMemoryCache(cache),
  });
}

/** A link that sends the token, and on an expired one refreshes it and asks again. */
function sessionLinks(apollo, session) {
  const { Observable, onError, setContext } = apollo;
  const authorize = setContext((_, { headers }) => ({ headers: { ...headers, ...bearer(session.accessToken) } }));
  const retry = onError(failure => {
    const { operation, forward } = failure;
    if (!apollo.codesIn(failure).includes('TOKEN_EXPIRED') || operation.getContext().retried) return undefined;
    operation.setContext({ retried: true });
    return new Observable(observer => {
      session.refresh().then(() => forward(operation).subscribe(observer), error => observer.error(error));
    });
  });
  return [retry, authorize];
}

/** A session whose access token has expired; refreshing sends that token along, as links do. */
function expiredSession(member) {
  const session = { accessToken: expired(member.accessToken), refreshToken: member.refreshToken, refreshed: 0 };
  session.refresh = async () => {
    const { refreshSession } = await ask(REFRESH, { token: session.refreshToken }, bearer(session.accessToken));
    Object.assign(session, refreshSession, { refreshed: session.refreshed + 1 });
  };
  return session;
}

for (const [version, apollo] of Object.entries(VERSIONS)) {
  const { gql, relayStylePagination } = apollo;

  test(`${version}: a query is answered and cached`, async () => {
    const recorded = recordingFetch();
    const each = client(apollo, { fetch: recorded });
    const { data } = await each.query({ query: gql(HOME), variables: { first: 3 } });
    assert.equal(data.courses.nodes.length, 3);
    assert.equal(data.courses.nodes[0].__typename, 'Course');
    await each.query({ query: gql(HOME), variables: { first: 3 } });
    assert.equal(recorded.requests.length, 1);
  });

  test(`${version}: pages join to the whole list`, async () => {
    const cache = { typePolicies: { Query: { fields: { lessons: relayStylePagination(['sort', 'filter']) } } } };
    const each = client(apollo, { cache });
    const watched = each.watchQuery({ query: gql(PAGE), variables: { first: 3 } });
    const wait = watched.subscribe({ next() {}, error() {} });
    let { data } = await each.query({ query: gql(PAGE), variables: { first: 3 } });
    const total = data.lessons.totalCount;
    while (data.lessons.pageInfo.hasNextPage) {
      await watched.fetchMore({ variables: { after: data.lessons.pageInfo.endCursor } });
      data = each.readQuery({ query: gql(PAGE), variables: { first: 3 } });
    }
    wait.unsubscribe();
    const ids = data.lessons.edges.map(edge => edge.node.id);
    assert.equal(ids.length, total);
    assert.equal(new Set(ids).size, total);
  });

  test(`${version}: a refused document has its message and code`, async () => {
    const failed = await client(apollo).query({ query: gql(INVALID) }).then(() => assert.fail('it passed'), error => error);
    assert.deepEqual(codesOf(failed), ['GRAPHQL_VALIDATION_FAILED'], `${failed}`);
    assert.match(failed.message, /nothing/);
  });

  test(`${version}: a missing variable has its message and code`, async () => {
    const failed = await client(apollo).query({ query: gql(HOME) }).then(() => assert.fail('it passed'), error => error);
    assert.deepEqual(codesOf(failed), ['BAD_USER_INPUT'], `${failed}`);
    assert.match(failed.message, /first/);
  });

  test(`${version}: a refused mutation has its code`, async () => {
    const mutation = client(apollo).mutate({ mutation: gql(FORBIDDEN), variables: { name: 'By a visitor' } });
    const failed = await mutation.then(() => assert.fail('it passed'), error => error);
    assert.deepEqual(codesOf(failed), ['UNAUTHENTICATED'], `${failed}`);
  });

  for (const useGETForHashedQueries of [false, true]) {
    test(`${version}: automatic persisted queries by ${useGETForHashedQueries ? 'GET' : 'POST'}`, async () => {
      const recorded = recordingFetch();
      const link = apollo.createPersistedQueryLink({ sha256, useGETForHashedQueries });
      const each = client(apollo, { links: [link], fetch: recorded });
      const query = gql(`query Persisted${process.pid}${version.at(-1)}${useGETForHashedQueries} { courses(first: 1) { totalCount } }`);
      const ask = () => each.query({ query, fetchPolicy: 'network-only' });
      assert.equal(typeof (await ask()).data.courses.totalCount, 'number');
      assert.equal(recorded.requests.length, 2, 'the hash is unknown, so the document follows');
      await ask();
      assert.equal(recorded.requests.length, 3, 'from then on the hash alone is enough');
      const { method, url, body } = recorded.requests.at(-1);
      assert.equal(method, useGETForHashedQueries ? 'GET' : 'POST');
      assert.ok(!decodeURIComponent(`${url}${body ?? ''}`).includes('totalCount'));
    });
  }

  test(`${version}: queries by GET`, async () => {
    const each = client(apollo, { http: { useGETForQueries: true } });
    const { data } = await each.query({ query: gql(HOME), variables: { first: 1 } });
    assert.equal(data.courses.nodes.length, 1);
  });

  test(`${version}: an expired token is refreshed by the link, and the query asked again`, async () => {
    const member = await register();
    const session = expiredSession(member);
    const each = client(apollo, { links: sessionLinks(apollo, session) });
    const { data } = await each.query({ query: gql(ME) });
    assert.equal(data.me?.id, member.user.id);
    assert.equal(session.refreshed, 1);
  });

  test(`${version}: two languages stay apart`, async () => {
    const cache = { typePolicies: { Course: { keyFields: ['id', 'locale'] } } };
    const each = client(apollo, { cache });
    const slug = (await each.query({ query: gql(HOME.replace('id slug', 'id locale slug')), variables: { first: 1 } })).data.courses.nodes[0].slug;
    const read = locale => each.query({ query: gql(COURSE), variables: { slug, locale } });
    const english = (await read('en')).data.course;
    const chinese = (await read('zh-CN')).data.course;
    assert.equal(english.id, chinese.id);
    assert.notEqual(english.title, chinese.title);
    assert.deepEqual((await read('en')).data.course, english);
    assert.equal(each.readQuery({ query: gql(COURSE), variables: { slug, locale: 'en' } }).course.title, english.title);
  });
}

test('an expired token does not hide what a visitor may read', async () => {
  const member = await register();
  const { status, body } = await post({ query: HOME, variables: { first: 1 } }, bearer(expired(member.accessToken)));
  assert.equal(status, 200);
  assert.equal(body.data.courses.nodes.length, 1);
});
