// Values for inputs: JSON values that fit a type, and literals of them in
// which some parts are variables.

import {
  Kind,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredInputField,
  print,
} from 'graphql';
import { name, typeNode } from './nodes.mjs';

const STRINGS = ['', 'a', 'Rust', '课程', 'deep 😀 water', 'say "no"', 'back\\slash', 'two\nlines', 'tab\there', 'é', '%_'];
const DATES = ['2026-01-02T03:04:05Z', '2025-12-31T23:59:59.999Z', '2026-02-03T04:05:06+08:00', '1999-01-01T00:00:00Z'];
const DECIMALS = ['1.50', '0', '-3.25', '4.75', 1.5, 3, -0.25];
const LONGS = [0, 1, -1, 2900, 4294967296, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
const INTS = [0, 1, 2, 5, -1, 2147483647, -2147483648];
const JSONS = [null, true, 0, -1.5, 'text', [], [1, 'two', null], {}, { a: { b: [1, { c: null }] } }];
const IDS = ['course_01m8n5vjgaeppss7brq0hn5y0c', 'user_01m8n5vhmhe41sm8mz0zaax37w', 'x', 'lyceum', 7];

/** A JSON value that the type accepts (null is one of JSON, but not of JSON!). `hint(type, field)` may choose one, and `undefined` leaves it to chance. */
export function value(type, random, depth = 3, hint = () => undefined) {
  if (isNonNullType(type)) return value(type.ofType, random, depth, hint) ?? false;
  if (isListType(type)) {
    if (random.chance(0.2)) return value(type.ofType, random, depth - 1, hint);
    return Array.from({ length: random.int(0, 3) }, () => value(type.ofType, random, depth - 1, hint));
  }
  if (isInputObjectType(type)) return object(type, random, depth, hint);
  if (isEnumType(type)) return random.pick(type.getValues()).name;
  return random.pick(leaves(type.name));
}

function leaves(type) {
  switch (type) {
    case 'Int': return INTS;
    case 'Float': return [1, 1.5, -0.25];
    case 'Boolean': return [true, false];
    case 'ID': return IDS;
    case 'DateTime': return DATES;
    case 'Decimal': return DECIMALS;
    case 'Long': return LONGS;
    case 'JSON': return JSONS;
    case 'Upload': return [null];
    default: return STRINGS;
  }
}

function object(type, random, depth, hint) {
  const fields = Object.values(type.getFields());
  const required = fields.filter(isRequiredInputField);
  const optional = fields.filter(field => !isRequiredInputField(field));
  const shallow = depth > 0 ? optional : optional.filter(field => !isInputObjectType(bare(field.type)));
  const chosen = type.isOneOf
    ? random.some(fields, 1)
    : [...required, ...random.some(shallow, random.int(0, Math.min(2, shallow.length)))];
  const result = {};
  for (const field of chosen) {
    const hinted = hint(type, field);
    const free = hinted === undefined && !type.isOneOf && !isRequiredInputField(field) && random.chance(0.05);
    result[field.name] = free ? null : hinted ?? value(field.type, random, depth - 1, hint);
  }
  return result;
}

function bare(type) {
  return type.ofType ? bare(type.ofType) : type;
}

/**
 * A literal of the value, in which some parts are variables of the operation.
 * `inOneOf` says that a variable here must not be null.
 */
export function literal(json, type, operation, inOneOf = false) {
  const { random } = operation;
  if (random.chance(operation.variableRate)) return variable(json, type, operation, inOneOf);
  if (isNonNullType(type)) return written(json, type.ofType, operation);
  return json === null ? { kind: Kind.NULL } : written(json, type, operation);
}

function written(json, type, operation) {
  if (isListType(type)) {
    // One value for a list: as a literal, for a variable of the item's type does not fit here.
    if (!Array.isArray(json)) return written(json, getNullableType(type.ofType), operation);
    return { kind: Kind.LIST, values: json.map(item => literal(item, type.ofType, operation)) };
  }
  if (isInputObjectType(type)) return objectLiteral(json, type, operation);
  if (isEnumType(type)) return { kind: Kind.ENUM, value: json };
  return leaf(json, operation.random);
}

function objectLiteral(json, type, operation) {
  const declared = type.getFields();
  const fields = Object.entries(json).map(([key, item]) =>
    field(key, literal(item, declared[key].type, operation, type.isOneOf)));
  // An optional field whose variable is not sent is absent.
  const absent = Object.values(declared).find(each => !(each.name in json) && !isNonNullType(each.type));
  if (absent && !type.isOneOf && operation.random.chance(operation.variableRate / 3)) {
    fields.push(field(absent.name, { kind: Kind.VARIABLE, name: name(operation.declare(absent.type)) }));
  }
  return { kind: Kind.OBJECT, fields };
}

function field(key, node) {
  return { kind: Kind.OBJECT_FIELD, name: name(key), value: node };
}

/** A literal without a type. */
export function leaf(json, random) {
  if (json === null) return { kind: Kind.NULL };
  if (typeof json === 'boolean') return { kind: Kind.BOOLEAN, value: json };
  if (typeof json === 'string') {
    return { kind: Kind.STRING, value: json, block: random.chance(0.15) };
  }
  if (typeof json === 'number') {
    return { kind: Number.isInteger(json) ? Kind.INT : Kind.FLOAT, value: String(json) };
  }
  if (Array.isArray(json)) return { kind: Kind.LIST, values: json.map(item => leaf(item, random)) };
  return { kind: Kind.OBJECT, fields: Object.entries(json).map(([key, item]) => field(key, leaf(item, random))) };
}

function variable(json, type, operation, inOneOf) {
  const { random } = operation;
  const nullable = getNullableType(type);
  const strict = isNonNullType(type) || inOneOf;
  const withDefault = json !== null && !inOneOf && random.chance(strict ? 0.3 : 0.2);
  const required = json !== null && !withDefault && (strict || random.chance(0.3));
  const node = required ? { kind: Kind.NON_NULL_TYPE, type: typeNode(nullable) } : typeNode(nullable);
  const fallback = withDefault ? literal(json, nullable, operation.at(0)) : undefined;
  const sent = withDefault && random.chance(0.5) ? undefined : json;
  return { kind: Kind.VARIABLE, name: name(operation.declareNode(node, sent, fallback)) };
}

/** What tells two argument lists apart. */
export function signature(nodes) {
  return nodes.map(print).sort().join(', ');
}
