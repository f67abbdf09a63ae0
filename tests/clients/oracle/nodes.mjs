// Small pieces of a document.

import { Kind, isListType, isNonNullType } from 'graphql';

export function name(value) {
  return { kind: Kind.NAME, value };
}

export function typeNode(type) {
  if (isNonNullType(type)) return { kind: Kind.NON_NULL_TYPE, type: typeNode(type.ofType) };
  if (isListType(type)) return { kind: Kind.LIST_TYPE, type: typeNode(type.ofType) };
  return { kind: Kind.NAMED_TYPE, name: name(type.name) };
}

export function argument(key, value) {
  return { kind: Kind.ARGUMENT, name: name(key), value };
}

export function directive(key, args) {
  return { kind: Kind.DIRECTIVE, name: name(key), arguments: args };
}

export function selectionSet(selections) {
  return { kind: Kind.SELECTION_SET, selections };
}

export function fieldNode(key, { alias, args = [], directives = [], below } = {}) {
  return {
    kind: Kind.FIELD,
    name: name(key),
    alias: alias === undefined ? undefined : name(alias),
    arguments: args,
    directives,
    selectionSet: below && selectionSet(below),
  };
}

export function inlineFragment(on, selections, directives = []) {
  return {
    kind: Kind.INLINE_FRAGMENT,
    typeCondition: on && { kind: Kind.NAMED_TYPE, name: name(on) },
    directives,
    selectionSet: selectionSet(selections),
  };
}

export function spread(fragment, directives = []) {
  return { kind: Kind.FRAGMENT_SPREAD, name: name(fragment), directives };
}

export function text(value, block = false) {
  return { kind: Kind.STRING, value, block };
}
