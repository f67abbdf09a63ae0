// The two verdicts on a request: of graphql-js and of the server.

import { GraphQLError, Kind, Source, getVariableValues, parse, validate } from 'graphql';
import { codes, post } from '../server.mjs';

/** A document's verdict: whether it may be executed at all. */
export function documentVerdict(schema, text) {
  try {
    const document = parse(new Source(text));
    const errors = validate(schema, document);
    if (errors.length > 0) return { verdict: 'invalid', errors, document };
    // Operation Type Existence is a rule of the specification; graphql-js finds out when it executes.
    const missing = document.definitions.find(each =>
      each.kind === Kind.OPERATION_DEFINITION && !schema.getRootType(each.operation));
    if (missing) return { verdict: 'invalid', errors: [new GraphQLError('There is no such root type.')], document };
    return { verdict: 'valid', errors: [], document };
  } catch (error) {
    if (error instanceof GraphQLError) return { verdict: 'invalid', errors: [error] };
    throw error;
  }
}

/** The verdict on the variables of a valid document. */
export function variablesVerdict(schema, document, operationName, inputs) {
  const operations = document.definitions.filter(each => each.kind === Kind.OPERATION_DEFINITION);
  const operation = operations.find(each => operationName === undefined || each.name?.value === operationName);
  const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], inputs ?? {});
  return { verdict: errors ? 'variables' : 'valid', errors: errors ?? [] };
}

const LIMITS = new Set(['QUERY_TOO_LARGE', 'QUERY_TOO_DEEP', 'TOO_MANY_ALIASES', 'QUERY_TOO_COSTLY', 'FILTER_TOO_LARGE']);
const INVALID = new Set(['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED']);

/**
 * What the server says of a request: `invalid` document, wrong `variables`,
 * `refused` by a limit, `broken` (its own fault), or else `valid`: then the
 * operation was executed or stopped for another reason.
 */
export async function serverVerdict(request) {
  const answer = await post(request);
  return { verdict: judged(answer, request.query), ...answer };
}

function judged({ status, body }, text) {
  const found = codes(body);
  const unread = !('data' in body);
  if (found.some(code => code === 'INTERNAL' || code === 'NOT_JSON' || code === 'NO_CODE')) return 'broken';
  if (unread !== (status >= 400)) return 'broken';
  if (found.some(code => INVALID.has(code))) return unread && status === 400 ? 'invalid' : 'broken';
  if (!unread) return 'valid';
  if (found.some(code => LIMITS.has(code))) return 'refused';
  if (body.errors.some(error => isOfVariable(error, text))) return status === 400 ? 'variables' : 'broken';
  return found.includes('RATE_LIMITED') ? 'limited' : 'valid';
}

/** Wrong variables are told with the path in them; other input is judged when the operation is planned. */
function isOfVariable({ extensions }, text) {
  return extensions.code === 'BAD_USER_INPUT' && extensions.path !== undefined && text.includes(`$${extensions.path[0]}`);
}

/** Whether the two agree. What a limit refuses is judged by nobody. */
export function agree(expected, actual) {
  return actual === 'refused' || actual === expected;
}
