// The server's own schema, as graphql-js sees it.
//
// Introspection says nothing about what a custom scalar accepts, so that is
// added here: literals and variables are judged by the same rule.

import { GraphQLError, GraphQLID, GraphQLString, Kind, buildClientSchema, getIntrospectionQuery, valueFromASTUntyped } from 'graphql';
import { ask } from '../server.mjs';

const EVERYTHING = {
  descriptions: true,
  specifiedByUrl: true,
  directiveIsRepeatable: true,
  schemaDescription: true,
  inputValueDeprecation: true,
  oneOf: true,
};

let introspected;

/** The introspection result; asked for once. */
export function introspection() {
  introspected ??= ask(getIntrospectionQuery(EVERYTHING));
  return introspected;
}

/** A new executable copy of the server's schema. */
export async function serverSchema() {
  const schema = buildClientSchema(structuredClone(await introspection()));
  for (const [name, scalar] of Object.entries(SCALARS)) {
    const type = schema.getType(name);
    if (type) Object.assign(type, scalar);
  }
  return schema;
}

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

function isDateTime(value) {
  if (typeof value !== 'string') return false;
  const parts = RFC3339.exec(value);
  if (!parts) return false;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number);
  const days = new Date(Date.UTC(year, month, 0)).getUTCDate();
  return month >= 1 && month <= 12 && day >= 1 && day <= days && hour < 24 && minute < 60 && second < 60;
}

function isDecimal(value) {
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value === 'string' && value.length <= 40 && /^[+-]?\d+(\.\d+)?$/.test(value);
}

/** A scalar whose variables must pass `accepts`; its literals too, once `read` has made a value of them. */
function scalar(name, accepts, read) {
  const refuse = () => {
    throw new GraphQLError(`This is no ${name}.`);
  };
  return {
    serialize: value => value,
    parseValue: value => (accepts(value) ? value : refuse()),
    parseLiteral: node => {
      const value = read(node);
      return accepts(value) ? value : refuse();
    },
  };
}

/** Whether U+0000 is in a text, or in any text or key of a JSON value: no database holds it. */
const holdsNul = value => {
  if (typeof value === 'string') return value.includes('\0');
  if (value === null || typeof value !== 'object') return false;
  return Object.entries(value).some(([key, inner]) => holdsNul(key) || holdsNul(inner));
};

for (const text of [GraphQLString, GraphQLID]) {
  const { parseValue, parseLiteral } = text;
  const checked = value => {
    if (holdsNul(value)) throw new GraphQLError('A text must not hold the character U+0000.');
    return value;
  };
  text.parseValue = value => checked(parseValue(value));
  text.parseLiteral = (node, variables) => checked(parseLiteral(node, variables));
}

const literalOf = (...kinds) => node => (kinds.includes(node.kind) ? node.value : undefined);
const SCALARS = {
  DateTime: scalar('DateTime', isDateTime, literalOf(Kind.STRING)),
  // A number is read as it is written, so that no digit is lost: without an exponent.
  Decimal: scalar('Decimal', isDecimal, literalOf(Kind.STRING, Kind.INT, Kind.FLOAT)),
  Long: scalar('Long', Number.isSafeInteger, node => (node.kind === Kind.INT ? Number(node.value) : undefined)),
  // A variable inside a JSON literal is no error: it is put in when the literal is read.
  JSON: scalar('JSON', value => !holdsNul(value), node => valueFromASTUntyped(node) ?? null),
  // Only a part of a multipart form is a file, and these suites send none.
  Upload: scalar('Upload', () => false, () => undefined),
};
