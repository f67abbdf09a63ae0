// What a browser asks before a page of another origin may use the API.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENDPOINT } from '../server.mjs';

const ALLOWED = ['http://127.0.0.1:13000', 'http://localhost:5173'];
const FOREIGN = ['https://evil.example', 'http://127.0.0.1.evil.example', 'null'];

function preflight(origin) {
  const headers = {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type,accept-language',
  };
  return fetch(ENDPOINT, { method: 'OPTIONS', headers });
}

for (const origin of ALLOWED) {
  test(`a preflight from ${origin} is allowed and cached`, async () => {
    const { status, headers } = await preflight(origin);
    assert.ok(status === 200 || status === 204, `${status}`);
    assert.equal(headers.get('access-control-allow-origin'), origin);
    const allowed = headers.get('access-control-allow-headers')?.toLowerCase() ?? '';
    for (const header of ['authorization', 'content-type', 'accept-language']) assert.ok(allowed.includes(header), header);
    assert.match(headers.get('access-control-allow-methods') ?? '', /POST/);
    assert.ok(Number(headers.get('access-control-max-age')) > 0);
    assert.match(headers.get('vary') ?? '', /origin/i);
  });

  test(`an answer to ${origin} can be read, with its headers`, async () => {
    const { headers } = await fetch(`${ENDPOINT}?query={__typename}`, { headers: { origin } });
    assert.equal(headers.get('access-control-allow-origin'), origin);
    const exposed = headers.get('access-control-expose-headers')?.toLowerCase() ?? '';
    for (const header of ['x-request-id', 'retry-after', 'etag']) assert.ok(exposed.includes(header), header);
  });
}

for (const origin of FOREIGN) {
  test(`the origin ${origin} is not allowed`, async () => {
    assert.equal((await preflight(origin)).headers.get('access-control-allow-origin'), null);
    const { headers } = await fetch(`${ENDPOINT}?query={__typename}`, { headers: { origin } });
    assert.equal(headers.get('access-control-allow-origin'), null);
  });
}
