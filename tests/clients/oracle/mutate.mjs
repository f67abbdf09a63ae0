// Faults: each takes a valid document and makes one that breaks some rule.
//
// Nobody says here that the result is invalid: graphql-js judges that. The
// name of the fault is the class under which the comparison is counted.

import {
  Kind,
  TypeInfo,
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  print,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { argument, directive, fieldNode, inlineFragment, name, selectionSet, spread, text, typeNode } from './nodes.mjs';
import { leaf } from './values.mjs';

const WRONG = [7, 2147483648, -0.5, 'text', true, null, [], ['a'], {}, { x: 1 }];

/** A copy of the document with every place in it that can be changed, and its types. */
function opened(schema, document) {
  const copy = JSON.parse(JSON.stringify(document));
  const info = new TypeInfo(schema);
  const places = { fields: [], sets: [], arguments: [], values: [], objects: [], spreads: [], inline: [] };
  const enter = visitWithTypeInfo(info, {
    enter(node) {
      const at = { node, type: info.getType(), parent: info.getParentType(), input: info.getInputType(), field: info.getFieldDef(), argument: info.getArgument() };
      if (node.kind === Kind.FIELD) places.fields.push(at);
      if (node.kind === Kind.SELECTION_SET) places.sets.push(at);
      if (node.kind === Kind.ARGUMENT) places.arguments.push(at);
      if (node.kind === Kind.OBJECT) places.objects.push(at);
      if (node.kind === Kind.FRAGMENT_SPREAD) places.spreads.push(at);
      if (node.kind === Kind.INLINE_FRAGMENT) places.inline.push(at);
      if (at.input && /Value$|Variable$/.test(node.kind)) places.values.push(at);
    },
  });
  visit(copy, enter);
  const operations = copy.definitions.filter(each => each.kind === Kind.OPERATION_DEFINITION);
  const fragments = copy.definitions.filter(each => each.kind === Kind.FRAGMENT_DEFINITION);
  return { schema, copy, operations, fragments, ...places };
}

/** Puts another node where this one stands. */
function become(node, other) {
  for (const key of Object.keys(node)) delete node[key];
  Object.assign(node, JSON.parse(JSON.stringify(other)));
}

function clone(node) {
  return JSON.parse(JSON.stringify(node));
}

const composite = each => each.type && isCompositeType(getNamedType(each.type));
const leafField = each => each.type && isLeafType(getNamedType(each.type));

/** A variable definition added to the first operation. */
function declare(on, key, type, defaultValue) {
  const operation = on.operations[0];
  operation.name ??= name('Named');
  operation.variableDefinitions = [
    ...(operation.variableDefinitions ?? []),
    { kind: Kind.VARIABLE_DEFINITION, variable: { kind: Kind.VARIABLE, name: name(key) }, type, defaultValue, directives: [] },
  ];
}

const use = key => ({ kind: Kind.VARIABLE, name: name(key) });
const named = key => ({ kind: Kind.NAMED_TYPE, name: name(key) });
const required = type => ({ kind: Kind.NON_NULL_TYPE, type });
const listOf = type => ({ kind: Kind.LIST_TYPE, type });
const frag = (key, on, selections) => ({ kind: Kind.FRAGMENT_DEFINITION, name: name(key), typeCondition: named(on), directives: [], selectionSet: selectionSet(selections) });
const root = on => on.operations[0].selectionSet.selections;
const rootName = on => (on.operations[0].operation === 'mutation' ? 'Mutation' : 'Query');

/** A fault at a random one of the places; nothing when there is none. */
function at(list, filter, change) {
  return (on, random) => {
    const places = on[list].filter(filter);
    if (places.length === 0) return false;
    return change(random.pick(places), on, random) !== false;
  };
}

const anywhere = () => true;

/** Every fault by name: it changes the opened document, and returns false when it does not fit. */
export const FAULTS = {
  'unknown field': at('fields', anywhere, ({ node }, _, random) => {
    node.name.value = random.pick(['nothing', `${node.name.value}s`, 'Id', '__schem', '__typenam']);
  }),
  'unknown argument': at('fields', anywhere, ({ node }, _, random) => {
    node.arguments = [...(node.arguments ?? []), argument(random.pick(['nothing', 'limit', 'ID']), leaf(1, random))];
  }),
  'argument given twice': at('fields', each => each.node.arguments?.length > 0, ({ node }, _, random) => {
    node.arguments.push(clone(random.pick(node.arguments)));
  }),
  'argument left out': at('fields', each => each.node.arguments?.length > 0, ({ node }, _, random) => {
    node.arguments.splice(random.int(0, node.arguments.length - 1), 1);
  }),
  'null argument': at('arguments', anywhere, ({ node }) => {
    node.value = { kind: Kind.NULL };
  }),
  'literal of another kind': at('values', each => each.node.kind !== Kind.VARIABLE, ({ node }, _, random) => {
    become(node, leaf(random.pick(WRONG), random));
  }),
  'leaf literal of another kind': at('values', each => each.input && isLeafType(getNamedType(each.input)), ({ node }, _, random) => {
    become(node, random.chance(0.2) ? { kind: Kind.ENUM, value: 'WORD' } : leaf(random.pick(WRONG), random));
  }),
  'null where none may be': at('values', each => isNonNullType(each.input), ({ node }) => become(node, { kind: Kind.NULL })),
  'single value in a list or a list for one': at('values', each => each.node.kind !== Kind.VARIABLE, ({ node }) => {
    become(node, { kind: Kind.LIST, values: [clone(node)] });
  }),
  'null within a list': at('values', each => each.node.kind === Kind.LIST, ({ node }) => {
    node.values.push({ kind: Kind.NULL });
  }),
  'enumeration as a string': at('values', each => isEnumType(getNamedType(each.input)), ({ node }, _, random) => {
    become(node, text(node.value ?? random.pick(['TITLE_ASC', 'x'])));
  }),
  'unknown enumeration value': at('values', each => isEnumType(getNamedType(each.input)), ({ node }, _, random) => {
    become(node, random.pick([{ kind: Kind.ENUM, value: 'NOTHING' }, { kind: Kind.ENUM, value: 'title_asc' }, leaf(true, random), leaf(1, random)]));
  }),
  'string as an enumeration': at('values', each => getNamedType(each.input)?.name === 'String', ({ node }) => {
    become(node, { kind: Kind.ENUM, value: 'word' });
  }),
  'integer out of range': at('values', each => ['Int', 'Long', 'ID', 'Decimal'].includes(getNamedType(each.input)?.name), ({ node }, _, random) => {
    become(node, { kind: Kind.INT, value: random.pick(['2147483648', '-2147483649', '9007199254740992', '-9007199254740993', '99999999999999999999']) });
  }),
  'number of another kind': at('values', each => ['Int', 'Long', 'ID', 'Decimal', 'String', 'Boolean'].includes(getNamedType(each.input)?.name), ({ node }, _, random) => {
    become(node, random.pick([{ kind: Kind.FLOAT, value: '1.0' }, { kind: Kind.FLOAT, value: '1e2' }, { kind: Kind.INT, value: '3' }, text('3')]));
  }),
  'date of another form': at('values', each => getNamedType(each.input)?.name === 'DateTime', ({ node }, _, random) => {
    become(node, random.pick([text('yesterday'), text('2026-13-45T99:00:00Z'), text(''), text('2026-02-30T00:00:00Z'), leaf(1767322800, random), leaf(true, random)]));
  }),
  'decimal of another form': at('values', each => getNamedType(each.input)?.name === 'Decimal', ({ node }, _, random) => {
    become(node, random.pick([text('abc'), text(''), text('1,5'), leaf(true, random), leaf(['1'], random), { kind: Kind.ENUM, value: 'NaN' }]));
  }),
  'file as a literal': at('objects', each => each.input && getNamedType(each.input).getFields?.().package, ({ node }, _, random) => {
    node.fields.push({ kind: Kind.OBJECT_FIELD, name: name('package'), value: random.pick([text('QUJD'), leaf(1, random), leaf({}, random)]) });
  }),
  'input field given twice': at('objects', each => each.node.fields.length > 0, ({ node }, _, random) => {
    const again = clone(random.pick(node.fields));
    node.fields.splice(random.int(0, node.fields.length), 0, again);
  }),
  'unknown input field': at('objects', each => isInputObjectType(getNamedType(each.input)), ({ node }, _, random) => {
    node.fields.push({ kind: Kind.OBJECT_FIELD, name: name(random.pick(['nothing', 'EQ', 'where'])), value: leaf(1, random) });
  }),
  'input field left out': at('objects', each => each.node.fields.length > 0, ({ node }, _, random) => {
    node.fields.splice(random.int(0, node.fields.length - 1), 1);
  }),
  'one-of broken': at('objects', each => getNamedType(each.input)?.isOneOf, ({ node, input }, on, random) => {
    const fields = Object.values(getNamedType(input).getFields());
    if (random.chance(0.3)) node.fields = [];
    else if (random.chance(0.4)) node.fields[0].value = { kind: Kind.NULL };
    else if (random.chance(0.4)) {
      declare(on, 'maybe', typeNode(fields[0].type));
      node.fields = [{ kind: Kind.OBJECT_FIELD, name: name(fields[0].name), value: use('maybe') }];
    } else node.fields = fields.map(each => ({ kind: Kind.OBJECT_FIELD, name: name(each.name), value: leaf('x', random) }));
  }),
  'variable of another type': at('values', anywhere, ({ node }, on, random) => {
    const other = random.pick(['Int', 'String', 'Boolean', 'ID', 'JSON', 'DateTime', 'Long', 'CourseFilter', 'CourseSort', 'MoneyInput']);
    declare(on, 'other', random.chance(0.5) ? required(named(other)) : named(other));
    become(node, use('other'));
  }),
  'nullable variable for a required place': at('values', each => isNonNullType(each.input), ({ node, input }, on, random) => {
    declare(on, 'maybe', typeNode(input.ofType), random.chance(0.3) ? { kind: Kind.NULL } : undefined);
    become(node, use('maybe'));
  }),
  'list variable of nullable items': at('values', each => each.input && isListType(isNonNullType(each.input) ? each.input.ofType : each.input), ({ node, input }, on, random) => {
    const type = listOf(named(getNamedType(input).name));
    declare(on, 'items', random.chance(0.5) ? required(type) : type);
    become(node, use('items'));
  }),
  'list variable for one value': at('values', each => each.input && !isListType(isNonNullType(each.input) ? each.input.ofType : each.input), ({ node, input }, on) => {
    declare(on, 'items', required(listOf(required(named(getNamedType(input).name)))));
    become(node, use('items'));
  }),
  'variable inside an input object': at('objects', each => each.input && isInputObjectType(getNamedType(each.input)), ({ node, input }, on, random) => {
    const fields = Object.values(getNamedType(input).getFields()).filter(each => !node.fields.some(known => known.name.value === each.name));
    if (fields.length === 0) return false;
    const field = random.pick(fields);
    const type = random.pick([typeNode(field.type), named(getNamedType(field.type).name), listOf(named(getNamedType(field.type).name)), named('String')]);
    declare(on, 'inner', random.chance(0.3) && type.kind !== Kind.NON_NULL_TYPE ? required(type) : type);
    node.fields.push({ kind: Kind.OBJECT_FIELD, name: name(field.name), value: use('inner') });
  }),
  'default of another kind': at('values', each => each.input && !isNonNullType(each.input), ({ node, input }, on, random) => {
    declare(on, 'fallback', typeNode(input), leaf(random.pick(WRONG), random));
    become(node, use('fallback'));
  }),
  'variable in a default': on => {
    declare(on, 'one', named('Int'));
    declare(on, 'two', named('Int'), use('one'));
    root(on).push(fieldNode('courses', { alias: 'byDefault', args: [argument('first', use('two'))], below: [fieldNode('totalCount')] }));
  },
  'undefined variable': at('values', anywhere, ({ node }) => become(node, use('nowhere'))),
  'unused variable': (on, random) => declare(on, 'unused', random.pick([named('Int'), listOf(named('String')), named('CourseFilter')])),
  'variable of an output or unknown type': (on, random) => {
    declare(on, 'bad', named(random.pick(['Course', 'Node', 'SearchEntry', 'Nothing', 'Query'])));
    root(on).push(fieldNode('__typename', { alias: 'typed', directives: [directive('include', [argument('if', use('bad'))])] }));
  },
  'variable declared twice': (on, random) => {
    const { variableDefinitions } = on.operations[0];
    if (!variableDefinitions?.length) return false;
    variableDefinitions.push(clone(random.pick(variableDefinitions)));
    return true;
  },
  'leaf with a selection': at('fields', leafField, ({ node }) => {
    node.selectionSet = selectionSet([fieldNode('id')]);
  }),
  'object without a selection': at('fields', composite, ({ node }) => {
    delete node.selectionSet;
  }),
  'fields in conflict': at('sets', each => each.node.selections.length > 0, ({ node }, _, random) => {
    const inner = node.selections.filter(each => each.kind === Kind.FIELD);
    if (inner.length < 2) return false;
    const [one, two] = random.some(inner, 2);
    two.alias = name(one.alias?.value ?? one.name.value);
  }),
  'arguments in conflict': at('fields', each => each.node.arguments?.length > 0, ({ node, parent }, on, random) => {
    const set = on.sets.find(each => each.node.selections.includes(node));
    const again = clone(node);
    again.arguments.pop();
    if (!set) return false;
    set.node.selections.push(random.chance(0.5) ? again : inlineFragment(parent?.name, [again]));
  }),
  'conflict through a fragment': at('fields', each => each.parent && each.field, ({ node, parent }, on, random) => {
    const set = on.sets.find(each => each.node.selections.includes(node));
    const others = Object.values(parent.getFields?.() ?? {}).filter(each => each.name !== node.name.value && isLeafType(getNamedType(each.type)));
    if (!set || others.length === 0) return false;
    const key = node.alias?.value ?? node.name.value;
    on.copy.definitions.push(frag('Clash', parent.name, [fieldNode(random.pick(others).name, { alias: key })]));
    set.node.selections.push(spread('Clash'));
  }),
  'conflict of types in a union': (on, random) => {
    if (rootName(on) !== 'Query') return false;
    const members = ['Course', 'Lesson', 'Tier', 'Category', 'Comment', 'User', 'Plan'];
    const [one, two] = random.some(members, 2);
    const scalars = type => Object.values(on.schema.getType(type)?.getFields() ?? {}).filter(each => isLeafType(getNamedType(each.type)));
    if (scalars(one).length === 0 || scalars(two).length === 0) return false;
    const pair = [one, two].map(type => inlineFragment(type, [fieldNode(random.pick(scalars(type)).name, { alias: 'same' })]));
    root(on).push(fieldNode('node', { alias: 'clash', args: [argument('id', text('x'))], below: pair }));
  },
  'unknown fragment': at('sets', anywhere, ({ node }) => node.selections.push(spread('Nothing'))),
  'unused fragment': on => on.copy.definitions.push(frag('Unused', rootName(on), [fieldNode('__typename')])),
  'fragment defined twice': on => {
    on.copy.definitions.push(frag('Twice', rootName(on), [fieldNode('__typename')]), frag('Twice', rootName(on), [fieldNode('__typename')]));
    root(on).push(spread('Twice'));
  },
  'fragments in a cycle': (on, random) => {
    const length = random.int(1, 4);
    for (let index = 0; index < length; index += 1) {
      const next = spread(`Cycle${(index + 1) % length}`);
      const inner = random.chance(0.5) ? next : inlineFragment(rootName(on), [next]);
      on.copy.definitions.push(frag(`Cycle${index}`, rootName(on), [fieldNode('__typename'), inner]));
    }
    root(on).push(spread('Cycle0'));
  },
  'cycle below a field': (on, random) => {
    if (rootName(on) !== 'Query') return false;
    const below = key => fieldNode('category', { below: [fieldNode('courses', { below: [fieldNode('nodes', { below: [spread(key)] })] })] });
    on.copy.definitions.push(frag('Loop', 'Course', [fieldNode('id'), below('Loop')]));
    root(on).push(fieldNode('courses', { alias: 'looped', below: [fieldNode('nodes', { below: [spread('Loop')] })] }));
  },
  'fragment on an unknown or input type': (on, random) => {
    const on_ = random.pick(['Nothing', 'CourseFilter', 'String', 'CourseSort']);
    if (random.chance(0.5)) root(on).push(inlineFragment(on_, [fieldNode('__typename')]));
    else {
      on.copy.definitions.push(frag('Odd', on_, [fieldNode('__typename')]));
      root(on).push(spread('Odd'));
    }
  },
  'impossible fragment': at('sets', each => each.type, ({ node, type }, on, random) => {
    const other = random.pick(['User', 'Course', 'Node', 'SearchEntry', 'PageInfo', 'Query']);
    if (random.chance(0.5)) return node.selections.push(inlineFragment(other, [fieldNode('__typename')]));
    on.copy.definitions.push(frag('Impossible', other, [fieldNode('__typename')]));
    return node.selections.push(spread('Impossible'));
  }),
  'unknown directive': at('fields', anywhere, ({ node }, _, random) => {
    node.directives = [...(node.directives ?? []), directive(random.pick(['nope', 'Skip', 'defer', 'client']), [])];
  }),
  'directive without its argument': at('fields', anywhere, ({ node }, _, random) => {
    node.directives = [...(node.directives ?? []), directive(random.pick(['skip', 'include']), random.chance(0.5) ? [] : [argument('when', leaf(true, random))])];
  }),
  'directive given twice': at('fields', anywhere, ({ node }, _, random) => {
    const one = directive('include', [argument('if', leaf(true, random))]);
    node.directives = [...(node.directives ?? []), one, clone(one)];
  }),
  'directive with a wrong argument': at('fields', anywhere, ({ node }, _, random) => {
    node.directives = [...(node.directives ?? []), directive('skip', [argument('if', leaf(random.pick(['yes', 1, null, [true]]), random))])];
  }),
  'directive of the schema in a query': at('fields', anywhere, ({ node }, _, random) => {
    node.directives = [...(node.directives ?? []), directive(random.pick(['deprecated', 'specifiedBy', 'oneOf']), [])];
  }),
  'directive on an operation': (on, random) => {
    const place = random.pick([...on.operations, ...on.fragments]);
    place.directives = [directive(random.pick(['include', 'skip', 'nope']), [argument('if', leaf(true, random))])];
    if (place.kind === Kind.OPERATION_DEFINITION) place.name ??= name('Named');
  },
  'directive on a variable': (on, random) => {
    const definitions = on.operations[0].variableDefinitions ?? [];
    if (definitions.length === 0) return false;
    random.pick(definitions).directives = [directive(random.pick(['include', 'nope']), [argument('if', leaf(true, random))])];
    return true;
  },
  'operation named twice': on => {
    on.operations[0].name ??= name('Named');
    const { value } = on.operations[0].name;
    on.copy.definitions.push({ kind: Kind.OPERATION_DEFINITION, operation: 'query', name: name(value), selectionSet: selectionSet([fieldNode('__typename')]) });
  },
  'anonymous operation beside another': on => {
    on.copy.definitions.push({ kind: Kind.OPERATION_DEFINITION, operation: 'query', selectionSet: selectionSet([fieldNode('__typename')]) });
  },
  'only fragments': on => {
    on.copy.definitions = [frag('Alone', 'Query', [fieldNode('__typename')])];
  },
  'subscription': on => {
    on.copy.definitions = [{ kind: Kind.OPERATION_DEFINITION, operation: 'subscription', selectionSet: selectionSet([fieldNode('__typename')]) }];
  },
  'root field of another root': on => {
    on.operations[0].operation = on.operations[0].operation === 'query' ? 'mutation' : 'query';
  },
};

/** Faults of the text: characters taken out, put in, or doubled. */
const TEXT_FAULTS = {
  'text cut off': (source, random) => source.slice(0, random.int(0, source.length - 1)),
  'character taken out': (source, random) => spliced(source, random, 1, ''),
  'character put in': (source, random) =>
    spliced(source, random, 0, random.pick(['{', '}', '(', ')', '[', ']', ':', '!', '$', '@', '|', '&', '=', '"', '...', '\\', '%', '~', '\u0000', '\u0007', '😀', '/'])),
  'empty braces': (source, random) => `${source} ${random.pick(['query Empty { }', 'fragment E on Query { }', 'query Empty() { id }', '{ courses() { totalCount } }'])}`,
  'odd number': (source, random) => odd(random, ['01', '-', '1.', '.5', '1e', '0xF', '1a', '-01', '1.2.3', '00', '+1', '1_000', '2n']),
  'odd string': (source, random) =>
    odd(random, ['"\\x"', '"\\u12"', '"\\u{110000}"', '"\\u{D800}"', '"\\uD83D"', '"\\uDE00\\uD83D"', '"\\u{}"', '"\\u{zz}"', '"a\nb"', '"open', '"""open', "'a'", '"\\u{1F600"']),
  'reserved or odd name': (source, random) =>
    random.pick(['fragment on on Query { __typename } { ...on }', '{ __typename: __typename }', '{ a-b }', '{ 1a }', '{ é }', 'query true { __typename }', '{ true: __typename }', 'query Q($true: Int) { courses(first: $true) { totalCount } }', '{ courses(sort: [true]) { totalCount } }', '{ courses(sort: [null]) { totalCount } }']),
  'type system in a query': (source, random) => `${source} ${random.pick(['type A { a: Int }', 'extend type Query { a: Int }', 'schema { query: Query }', 'directive @a on FIELD', '"text" scalar S', 'input I @oneOf { a: Int }'])}`,
  'description out of place': (source, random) => random.pick(['"d" { __typename }', '{ "d" __typename }', '"d" query Q { __typename }', '"""d""" fragment F on Query { __typename } { ...F }', 'query Q("d" $a: Int) { courses(first: $a) { totalCount } }', '"d" "e" query Q { __typename }', '{ courses("d" first: 1) { totalCount } }', 'query ("d" $a: Int) { courses(first: $a) { totalCount } }', '"d" query { __typename }']),
  'nothing': (source, random) => random.pick(['', ' ', '# only a comment', ',,,', '{', '}', 'query', 'query Q', '{ }', 'null', '{ ... }', '{ ...on Query }', '{ ... on Query { } }', '{ ... @include(if: true) { __typename } }', '{ ... { __typename } }']),
};

function spliced(source, random, out, put) {
  const place = random.int(0, source.length - 1);
  return source.slice(0, place) + put + source.slice(place + out);
}

function odd(random, values) {
  const chosen = random.pick(values);
  return random.pick([`{ tier(key: ${chosen}) { id } }`, `{ courses(first: ${chosen}) { totalCount } }`, `query Q($a: JSON = ${chosen}) { __typename @include(if: true) x: courses(first: 1) { totalCount @skip(if: $a) } }`]);
}

export const CLASSES = [...Object.keys(FAULTS), ...Object.keys(TEXT_FAULTS)];

/** The text of a document with the fault, or undefined when it does not fit there. */
export function broken(schema, document, fault, random) {
  if (TEXT_FAULTS[fault]) return TEXT_FAULTS[fault](print(document), random);
  const on = opened(schema, document);
  if (on.operations.length === 0 || FAULTS[fault](on, random) === false) return undefined;
  return print(on.copy);
}
