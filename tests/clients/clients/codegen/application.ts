// A typed application: what the generated types say must be what it needs.

import { graphql } from './__generated__/gql.js';
import type { ResultOf, VariablesOf } from '@graphql-typed-document-node/core';

export const Home = graphql(`
  query Home($first: Int!, $after: String, $filter: CourseFilter, $sort: [CourseSort!]) {
    courses(first: $first, after: $after, filter: $filter, sort: $sort) {
      totalCount
      edges { cursor node { ...CourseCard } }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const CourseCard = graphql(`
  fragment CourseCard on Course {
    id
    locale
    slug
    title
    level
    rating
    metadata
    publishedAt
    price { minor currency }
    access { granted reason offers { kind price { minor currency } plan { id interval } } }
    tags { nodes { name } }
  }
`);

export const Anything = graphql(`
  query Anything($id: ID!) {
    node(id: $id) { __typename id ... on Course { title } ... on Tier { rank } }
  }
`);

export const Find = graphql(`
  query Find($query: String!, $filter: SearchFilter) {
    search(query: $query, filter: $filter) {
      totalCount
      nodes { score snippets { field html } node { __typename ... on Course { slug } ... on Lesson { section } } }
    }
  }
`);

export const SignIn = graphql(`
  mutation SignIn($input: SignInInput!) {
    signIn(input: $input) { accessToken refreshToken expiresAt user { id name } }
  }
`);

export const Save = graphql(`
  mutation Save($input: UpdateCourseInput!) {
    updateCourse(input: $input) { course { id title } }
  }
`);

export const Buy = graphql(`
  mutation Buy($input: CheckoutInput!) {
    checkout(input: $input) { redirectUrl order { id state amount { minor } } }
  }
`);

export const Comment = graphql(`
  mutation Comment($input: AddCommentInput!) {
    addComment(input: $input) { comment { id state } }
  }
`);

type Expect<Condition extends true> = Condition;
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

type Found = NonNullable<NonNullable<ResultOf<typeof Find>['search']>['nodes'][number]>;
export type Scores = Expect<Same<Found['score'], string>>;
export type Dates = Expect<Same<NonNullable<ResultOf<typeof SignIn>['signIn']>['expiresAt'], string>>;
export type Amounts = Expect<Same<NonNullable<NonNullable<ResultOf<typeof Buy>['checkout']>['order']>['amount']['minor'], number>>;

export const home: VariablesOf<typeof Home> = {
  first: 3,
  sort: ['TITLE_ASC'],
  filter: { and: [{ rating: { gte: '4.5' } }, { price: { lt: 9900, currency: 'CNY' } }] },
};
export const saved: VariablesOf<typeof Save> = { input: { id: 'course_x', title: 'Only the title' } };

// What the server would refuse does not compile.
// @ts-expect-error a filter is no text
export const filtered: VariablesOf<typeof Home> = { first: 1, filter: 'title' };
// @ts-expect-error a course has no such order
export const ordered: VariablesOf<typeof Home> = { first: 1, sort: ['NOTHING_ASC'] };
// @ts-expect-error signing in needs a password
export const nameless: VariablesOf<typeof SignIn> = { input: { email: 'a@clients.example' } };
