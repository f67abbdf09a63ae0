// Valid documents, made from a schema.
//
// A generated document has every construction of the language in it sooner or
// later: aliases, fragments on objects, interfaces and unions, directives with
// literals and variables, variables in each position, defaults, descriptions.

import {
  GraphQLBoolean,
  GraphQLNonNull,
  GraphQLString,
  Kind,
  getNamedType,
  isAbstractType,
  isLeafType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
} from 'graphql';
import { argument, directive, fieldNode, inlineFragment, name, selectionSet, spread, text, typeNode } from './nodes.mjs';
import { literal, signature, value } from './values.mjs';

const DEPTH = 6;
const NAME = new GraphQLNonNull(GraphQLString);
const CONDITION = new GraphQLNonNull(GraphQLBoolean);
const PAGES = new Set(['first', 'last', 'after', 'before']);

/** The document in the making: its variables, its fragments, and which response key means what. */
export class Operation {
  constructor(schema, random, choices = {}) {
    this.schema = schema;
    this.random = random;
    this.variableRate = choices.variableRate ?? 0.15;
    this.fields = choices.fields ?? (type => Object.values(type.getFields()));
    this.arguments = choices.arguments ?? (() => undefined);
    this.introspects = choices.introspects ?? true;
    this.budget = choices.budget ?? 45;
    this.aliases = 0;
    this.definitions = [];
    this.values = {};
    this.fragments = new Map();
    this.keys = new Map();
  }

  /** A nullable variable for which nothing is sent. */
  declare(type) {
    return this.declareNode(typeNode(type), undefined, undefined);
  }

  /** A variable with the value that is sent for it. */
  declareNode(type, sent, fallback) {
    const key = `v${this.definitions.length}`;
    const described = this.random.chance(0.05) ? text('What it is for.') : undefined;
    this.definitions.push({
      kind: Kind.VARIABLE_DEFINITION,
      description: described,
      variable: { kind: Kind.VARIABLE, name: name(key) },
      type,
      defaultValue: fallback,
      directives: [],
    });
    if (sent !== undefined) this.values[key] = sent;
    return key;
  }

  /** The response key for a field: its name, unless that means something else already. */
  key(field, args, type) {
    const meaning = `${field}(${signature(args)}):${type}`;
    const wanted = this.random.chance(0.1) ? this.alias() : field;
    const known = this.keys.get(wanted);
    if (known === undefined) this.keys.set(wanted, meaning);
    if (known === undefined || known === meaning) return wanted === field ? undefined : wanted;
    return this.key(field, args, type);
  }

  /** The same operation, with another rate of variables. */
  at(variableRate) {
    return Object.create(this, { variableRate: { value: variableRate } });
  }

  alias() {
    this.aliases += 1;
    return this.random.pick(['a', 'B', '_c', 'other', 'x1_']) + this.aliases;
  }
}

/** `{ document, variables, operationName }` of a valid operation on the given root type. */
export function generate(schema, random, choices = {}) {
  const operation = new Operation(schema, random, choices);
  const root = choices.root ?? schema.getQueryType();
  const kind = root === schema.getMutationType() ? 'mutation' : 'query';
  const selections = selectionsOf(operation, root, DEPTH);
  const named = operation.definitions.length > 0 || random.chance(0.6);
  const definitions = [definition(operation, kind, named ? 'Main' : undefined, selections)];
  for (const fragment of operation.fragments.values()) definitions.push(...fragment.map(each => each.definition));
  const several = named && random.chance(0.1);
  if (several) definitions.push(definition(new Operation(schema, random), 'query', 'Other', [fieldNode('__typename')]));
  const document = { kind: Kind.DOCUMENT, definitions: random.some(definitions, definitions.length) };
  const variables = operation.values;
  return { document, variables, operationName: several || (named && random.chance(0.5)) ? 'Main' : undefined };
}

function definition(operation, kind, key, selections) {
  const shorthand = key === undefined && kind === 'query';
  return {
    kind: Kind.OPERATION_DEFINITION,
    operation: kind,
    description: !shorthand && operation.random.chance(0.1) ? text('What it asks.', operation.random.chance(0.5)) : undefined,
    name: key && name(key),
    variableDefinitions: operation.definitions,
    directives: [],
    selectionSet: selectionSet(selections),
  };
}

/** At least one selection on the type. */
export function selectionsOf(operation, type, depth) {
  const { random } = operation;
  const selections = [];
  const candidates = isObjectType(type) || type.getFields ? operation.fields(type).filter(field => fits(field, depth)) : [];
  const count = candidates.length === 0 ? 0 : random.int(1, Math.min(candidates.length, depth > 3 ? 3 : 4));
  for (const field of random.some(candidates, count)) {
    operation.budget -= 1;
    if (operation.budget < 0 && selections.length > 0) break;
    const made = fieldOf(operation, type, field, depth);
    selections.push(...wrapped(operation, type, made));
  }
  if (isAbstractType(type)) selections.push(...members(operation, type, depth));
  if (selections.length === 0 || random.chance(0.12)) selections.push(fieldNode('__typename', { directives: directives(operation) }));
  if (type === operation.schema.getQueryType() && operation.introspects && random.chance(0.08)) {
    selections.push(introspection(operation));
  }
  // The same field a second time: it merges.
  if (random.chance(0.08)) selections.push(random.pick(selections));
  return selections;
}

function fits(field, depth) {
  return isLeafType(getNamedType(field.type)) || depth > 0;
}

function fieldOf(operation, parent, field, depth) {
  const args = argumentsOf(operation, parent, field);
  const type = getNamedType(field.type);
  const below = isLeafType(type) ? undefined : selectionsOf(operation, type, depth - 1);
  const alias = operation.key(field.name, args, String(field.type));
  return fieldNode(field.name, { alias, args, directives: directives(operation), below });
}

function argumentsOf(operation, parent, field) {
  const { random } = operation;
  const chosen = operation.arguments(parent, field, operation);
  if (chosen) return Object.entries(chosen).map(([key, json]) => argumentOf(operation, field, key, json));
  const page = field.args.some(arg => arg.name === 'first') ? { [random.pick(['first', 'last'])]: random.int(0, 4) } : {};
  const limited = 'last' in page && !field.args.some(arg => arg.name === 'last') ? { first: 2 } : page;
  const values = { ...limited };
  for (const arg of field.args) {
    if (PAGES.has(arg.name) || !(isRequiredArgument(arg) || random.chance(0.35))) continue;
    values[arg.name] = !isNonNullType(arg.type) && random.chance(0.05) ? null : value(arg.type, random, 3);
  }
  return random.some(Object.keys(values), 9).map(key => argumentOf(operation, field, key, values[key]));
}

function argumentOf(operation, field, key, json) {
  const arg = field.args.find(each => each.name === key);
  return argument(key, literal(json, arg.type, operation));
}

function directives(operation) {
  const { random } = operation;
  if (!random.chance(0.07)) return [];
  const condition = () => [argument('if', literal(random.chance(0.5), CONDITION, operation.at(0.5)))];
  return random.some(['skip', 'include'], random.int(1, 2)).map(key => directive(key, condition()));
}

/** The field alone, or within a fragment. */
function wrapped(operation, type, field) {
  const { random } = operation;
  if (random.chance(0.06)) {
    return [inlineFragment(random.chance(0.5) ? type.name : undefined, [field], directives(operation))];
  }
  if (isObjectType(type) && random.chance(0.05)) {
    const around = random.pick([type, ...type.getInterfaces()]);
    return [inlineFragment(around.name, [inlineFragment(type.name, [field])])];
  }
  if (!random.chance(0.1)) return [field];
  const known = operation.fragments.get(type.name) ?? [];
  if (known.length > 0 && random.chance(0.3)) return [field, spread(random.pick(known).name, directives(operation))];
  return [spread(fragment(operation, type, field), directives(operation))];
}

function fragment(operation, type, field) {
  const known = operation.fragments.get(type.name) ?? [];
  const key = `${operation.random.pick(['Of', 'part', '_f'])}${type.name}${known.length}`;
  const definition = {
    kind: Kind.FRAGMENT_DEFINITION,
    description: operation.random.chance(0.05) ? text('A part.') : undefined,
    name: name(key),
    typeCondition: { kind: Kind.NAMED_TYPE, name: name(type.name) },
    directives: [],
    selectionSet: selectionSet([field]),
  };
  operation.fragments.set(type.name, [...known, { name: key, definition }]);
  return key;
}

function members(operation, type, depth) {
  const possible = operation.schema.getPossibleTypes(type).filter(each => operation.fields(each).length > 0);
  return operation.random
    .some(possible, operation.random.int(0, 2))
    .map(each => inlineFragment(each.name, selectionsOf(operation, each, Math.min(depth, 2)), directives(operation)));
}

/** A question about the schema, beside the others. */
function introspection(operation) {
  const { random, schema } = operation;
  if (random.chance(0.3)) {
    const below = [fieldNode('queryType', { below: [fieldNode('name')] }), fieldNode('mutationType', { below: [fieldNode('name'), fieldNode('kind')] })];
    return fieldNode('__schema', { alias: operation.key('__schema', [], ''), below });
  }
  const asked = random.pick(Object.keys(schema.getTypeMap()).filter(key => !key.startsWith('__')));
  const args = [argument('name', literal(random.chance(0.05) ? 'Nothing' : asked, NAME, operation))];
  const named = (key, ...inner) => fieldNode(key, { below: [fieldNode('name'), ...inner] });
  const below = random.some(
    [
      fieldNode('name'),
      fieldNode('kind'),
      fieldNode('description'),
      named('fields', fieldNode('description'), named('args', named('type', named('ofType')))),
      named('inputFields', fieldNode('defaultValue'), named('type', fieldNode('kind'), named('ofType'))),
      named('enumValues', fieldNode('isDeprecated'), fieldNode('deprecationReason')),
      named('interfaces'),
      named('possibleTypes'),
      fieldNode('__typename'),
    ],
    random.int(1, 4),
  );
  return fieldNode('__type', { alias: operation.key('__type', args, signature(below)), args, below });
}
