// What the clients ask, and small things that all of them need.

import { createHash } from 'node:crypto';

export const HOME = /* GraphQL */ `
  query Home($first: Int!) {
    courses(first: $first, sort: [SLUG_ASC]) {
      totalCount
      nodes { id slug title level rating price { minor currency } access { granted reason } tags { nodes { id name } } }
    }
  }
`;

export const PAGE = /* GraphQL */ `
  query Page($first: Int!, $after: String) {
    lessons(first: $first, after: $after, sort: [SLUG_ASC]) {
      totalCount
      edges { cursor node { id slug } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;

/** One entry in one language; the language is a field of it, so that caches can tell it apart. */
export const COURSE = /* GraphQL */ `
  query Course($slug: String!, $locale: String!) {
    course(slug: $slug, locale: $locale) { id locale title }
  }
`;

export const ME = /* GraphQL */ `
  query Me {
    me { id name }
  }
`;

export const REFRESH = /* GraphQL */ `
  mutation Refresh($token: String!) {
    refreshSession(input: { refreshToken: $token }) { accessToken refreshToken }
  }
`;

export const FORBIDDEN = /* GraphQL */ `
  mutation CreateTag($name: String!) {
    createTag(input: { slug: "by-a-visitor", name: $name }) { tag { id } }
  }
`;

export const INVALID = /* GraphQL */ `
  query Invalid {
    courses { nothing }
  }
`;

export function sha256(text) {
  return createHash('sha256').update(text).digest('hex');
}

/** A `fetch` that remembers what was sent: `fetch.requests` holds `{ method, url, body, headers }`. */
export function recordingFetch() {
  const requests = [];
  const record = async (url, options = {}) => {
    const headers = Object.fromEntries(new Headers(options.headers).entries());
    requests.push({ method: options.method ?? 'GET', url: String(url), body: options.body, headers });
    const response = await fetch(url, options);
    requests.at(-1).response = response.clone();
    return response;
  };
  return Object.assign(record, { requests });
}

/** The different codes in what a client throws, wherever that client puts them. */
export function codesOf(error) {
  const errors = error?.graphQLErrors ?? error?.errors ?? error?.response?.errors ?? [];
  return [...new Set(errors.map(each => each.extensions?.code))];
}
