// Sessions as clients use them: a stale token never keeps anybody out for good.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, bearer, codes, expired, post, register, signIn } from '../server.mjs';
import { FORBIDDEN, HOME, ME, REFRESH } from './documents.mjs';

const STALE = {
  expired: async member => [expired(member.accessToken), 'TOKEN_EXPIRED'],
  'not ours': async () => ['not.a.token', 'UNAUTHENTICATED'],
  revoked: async member => {
    const tokens = await signIn(member.email, member.password);
    await ask('mutation { signOut { __typename } }', {}, bearer(tokens.accessToken));
    return [tokens.accessToken, 'SESSION_REVOKED'];
  },
};

for (const [kind, made] of Object.entries(STALE)) {
  test(`a query with a token that is ${kind} is answered as for a visitor, and says so`, async () => {
    const [token, code] = await made(await register());
    const { status, body } = await post({ query: `${HOME.trim().slice(0, -1)} me { id } }`, variables: { first: 1 } }, bearer(token));
    assert.equal(status, 200);
    assert.equal(body.data?.courses?.nodes.length, 1, JSON.stringify(body));
    assert.equal(body.data.me, null);
    assert.deepEqual(codes(body), [code]);
    assert.equal(body.errors[0].path, undefined);
  });

  test(`a mutation with a token that is ${kind} is refused as a request`, async () => {
    const [token, code] = await made(await register());
    const { status, body } = await post({ query: FORBIDDEN, variables: { name: 'By a visitor' } }, bearer(token));
    assert.equal(status, 401);
    assert.deepEqual(codes(body), [code]);
    assert.ok(!('data' in body));
  });

  test(`refreshing, signing in, registering and resetting ignore a token that is ${kind}`, async () => {
    const member = await register();
    const [token] = await made(member);
    const again = await signIn(member.email, member.password);
    const requests = {
      refreshSession: [REFRESH, { token: again.refreshToken }],
      signIn: ['mutation ($e: String!, $p: String!) { signIn(input: { email: $e, password: $p }) { accessToken } }', { e: member.email, p: member.password }],
      register: ['mutation ($e: String!) { register(input: { email: $e, password: "correct horse battery 3", name: "Stale" }) { accessToken } }', { e: `stale-${member.email}` }],
      requestPasswordReset: ['mutation ($e: String!) { requestPasswordReset(input: { email: $e }) { __typename } }', { e: member.email }],
    };
    for (const [field, [query, variables]] of Object.entries(requests)) {
      const { body } = await post({ query, variables }, bearer(token));
      assert.equal(body.errors, undefined, `${field}: ${JSON.stringify(body.errors)}`);
      assert.ok(body.data[field], field);
    }
    for (const field of ['resetPassword(input: { token: "x", password: "correct horse battery 4" })', 'beginSignIn(input: { provider: "x", redirectUri: "http://localhost/" })', 'completeSignIn(input: { provider: "x", attempt: "x", state: "x", params: [] })']) {
      const { body } = await post({ query: `mutation { ${field} { __typename } }` }, bearer(token));
      const about = codes(body).filter(code => ['TOKEN_EXPIRED', 'SESSION_REVOKED', 'UNAUTHENTICATED'].includes(code));
      assert.deepEqual(about, [], `${field}: ${JSON.stringify(body.errors)}`);
    }
  });
}

test('two tabs that refresh at once keep the session', async () => {
  const member = await register();
  const refresh = () => post({ query: REFRESH, variables: { token: member.refreshToken } }, bearer(expired(member.accessToken)));
  const answers = await Promise.all([refresh(), refresh()]);
  const won = answers.filter(({ body }) => body.data?.refreshSession);
  const lost = answers.filter(({ body }) => !body.data?.refreshSession);
  assert.equal(won.length, 1, JSON.stringify(answers.map(({ body }) => body)));
  assert.deepEqual(codes(lost[0].body), ['SESSION_REFRESHED']);
  const tokens = won[0].body.data.refreshSession;
  const { me } = await ask(ME, {}, bearer(tokens.accessToken));
  assert.equal(me.id, member.user.id);
  assert.ok((await ask(REFRESH, { token: tokens.refreshToken })).refreshSession.accessToken);
});
