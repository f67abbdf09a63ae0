// The audit of graphql-http: MUST, SHOULD and MAY of GraphQL over HTTP, all of
// them. A warning or a notice is a failure here.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serverAudits } from 'graphql-http';
import { ENDPOINT } from './server.mjs';

test('the audit of GraphQL over HTTP', async t => {
  const audits = serverAudits({ url: ENDPOINT, fetchFn: fetch });
  assert.ok(audits.length >= 61, `${audits.length} audits`);
  for (const audit of audits) {
    await t.test(`${audit.id} ${audit.name}`, async () => {
      const result = await audit.fn();
      assert.equal(result.status, 'ok', `${result.status}: ${result.reason}`);
    });
  }
});
