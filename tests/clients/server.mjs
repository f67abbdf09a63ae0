// The server under judgement: where it is, and how to ask it.
//
// run.sh starts a throw-away demo server and says where it is by environment:
// CLIENTS_URL, CLIENTS_DATA_DIR and CLIENTS_PASSWORD.

import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const BASE = (process.env.CLIENTS_URL ?? 'http://127.0.0.1:8080').replace(/\/$/, '');
export const ENDPOINT = `${BASE}/graphql`;
export const DATA_DIR = process.env.CLIENTS_DATA_DIR ?? '';
export const ADMIN_EMAIL = 'admin@demo.example';
export const ADMIN_PASSWORD = process.env.CLIENTS_PASSWORD ?? 'correct horse battery 1';

const RESPONSE_JSON = 'application/graphql-response+json';
const PATIENCE_SECONDS = 65;

/** One GraphQL request: `{ status, headers, body }`, the body as JSON. Waits when told to. */
export async function post(request, headers = {}) {
  const body = typeof request === 'string' ? request : JSON.stringify(request);
  const all = { 'content-type': 'application/json', accept: RESPONSE_JSON, ...headers };
  for (let tries = 0; ; tries += 1) {
    const response = await fetch(ENDPOINT, { method: 'POST', headers: all, body });
    const text = await response.text();
    const wait = Number(response.headers.get('retry-after') ?? 0);
    if (response.status === 429 && tries < 3 && wait > 0 && wait <= PATIENCE_SECONDS) {
      await new Promise(resolve => setTimeout(resolve, wait * 1000));
      continue;
    }
    return { status: response.status, headers: response.headers, body: json(text) };
  }
}

function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { errors: [{ message: `not JSON: ${text.slice(0, 200)}`, extensions: { code: 'NOT_JSON' } }] };
  }
}

/** The data of a request that must succeed. */
export async function ask(query, variables = {}, headers = {}) {
  const { body } = await post({ query, variables }, headers);
  if (body.errors) throw new Error(`${query}\n${JSON.stringify(body.errors, null, 2)}`);
  return body.data;
}

/** Every code among the errors of an answer. */
export function codes(body) {
  return (body.errors ?? []).map(error => error.extensions?.code ?? 'NO_CODE');
}

export function bearer(token) {
  return { authorization: `Bearer ${token}` };
}

export async function signIn(email = ADMIN_EMAIL, password = ADMIN_PASSWORD) {
  const query = `mutation SignIn($email: String!, $password: String!) {
    signIn(input: { email: $email, password: $password }) { accessToken refreshToken user { id } }
  }`;
  return (await ask(query, { email, password })).signIn;
}

let registered = 0;

/** A new member: `{ email, password, accessToken, refreshToken, user }`. */
export async function register(name = 'Client') {
  registered += 1;
  const email = `client-${process.pid}-${Date.now()}-${registered}@clients.example`;
  const password = 'correct horse battery 2';
  const query = `mutation Register($email: String!, $password: String!, $name: String!) {
    register(input: { email: $email, password: $password, name: $name }) { accessToken refreshToken user { id } }
  }`;
  return { email, password, ...(await ask(query, { email, password, name })).register };
}

/** The same token as this one, but expired: signed with the server's own key. */
export function expired(token) {
  const [header, payload] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  const past = Math.floor(Date.now() / 1000) - 3600;
  const old = Buffer.from(JSON.stringify({ ...claims, iat: past - 900, exp: past })).toString('base64url');
  const signature = createHmac('sha256', tokenKey()).update(`${header}.${old}`).digest('base64url');
  return `${header}.${old}.${signature}`;
}

function tokenKey() {
  const file = readFileSync(join(DATA_DIR, 'secrets', 'token.key'));
  const text = file.toString('utf8').trim();
  return /^[0-9a-f]{64,}$/i.test(text) ? Buffer.from(text, 'hex') : file;
}

/** Runs `work` over the items, `width` at once, and gives the results in order. */
export async function pooled(items, work, width = 8) {
  const results = new Array(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next;
      next += 1;
      results[index] = await work(items[index], index);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}
