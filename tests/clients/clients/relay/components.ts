// What a Relay application declares: refetchable fragments on types that are
// found by `node(id:)`, connections in both directions, and updates of them.

import { graphql } from 'relay-runtime';

export const course = graphql`
  fragment components_course on Course @refetchable(queryName: "componentsCourseRefetchQuery") {
    title
    summary
    level
    rating
    price { minor currency }
    access { granted reason }
  }
`;

export const lessons = graphql`
  fragment components_lessons on Course
  @argumentDefinitions(first: { type: "Int", defaultValue: 2 }, after: { type: "String" })
  @refetchable(queryName: "componentsLessonsPaginationQuery") {
    lessons(first: $first, after: $after) @connection(key: "components_lessons") {
      totalCount
      edges { node { slug title freePreview } }
    }
  }
`;

export const comments = graphql`
  fragment components_comments on Course
  @argumentDefinitions(last: { type: "Int", defaultValue: 2 }, before: { type: "String" })
  @refetchable(queryName: "componentsCommentsPaginationQuery") {
    comments(last: $last, before: $before) @connection(key: "components_comments") {
      edges { node { body author { ...components_user } } }
    }
  }
`;

export const user = graphql`
  fragment components_user on User @refetchable(queryName: "componentsUserRefetchQuery") {
    name
    bio
    courses(first: 3) { nodes { title } }
  }
`;

export const list = graphql`
  fragment components_list on Query
  @argumentDefinitions(first: { type: "Int", defaultValue: 2 }, after: { type: "String" }, filter: { type: "CourseFilter" })
  @refetchable(queryName: "componentsListPaginationQuery") {
    courses(first: $first, after: $after, filter: $filter, sort: [SLUG_ASC]) @connection(key: "components_courses") {
      edges { node { ...components_course ...components_lessons ...components_comments } }
    }
  }
`;

export const page = graphql`
  query componentsPageQuery($slug: String!, $query: String!, $id: ID!) {
    ...components_list
    course(slug: $slug) { ...components_course ...components_lessons }
    node(id: $id) { __typename id ... on Course { title } ... on User { name } }
    search(query: $query) { nodes { node { __typename ... on Course { title } ... on Lesson { title } } } }
    me { ...components_user }
  }
`;

export const add = graphql`
  mutation componentsAddCommentMutation($input: AddCommentInput!, $connections: [ID!]!) {
    addComment(input: $input) {
      comment @appendNode(connections: $connections, edgeTypeName: "CommentEdge") { body author { name } }
    }
  }
`;

export const remove = graphql`
  mutation componentsDeleteCourseMutation($input: DeleteCourseInput!, $connections: [ID!]!) {
    deleteCourse(input: $input) { deletedId @deleteEdge(connections: $connections) }
  }
`;
