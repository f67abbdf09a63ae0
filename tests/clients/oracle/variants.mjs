// Variables: for those that an operation was made with, others that fit or not.

const OTHERS = [null, true, 0, 7, -1, 2147483648, 1.5, 9007199254740992, '', 'text', '7', 'TITLE_ASC', [], [1], ['a'], [null], [[]], {}, { eq: 1 }, { x: null }];

/** Variable objects for the operation, the good one first, each with what was done to it. */
export function variants(definitions, good, random, count) {
  const keys = definitions.map(each => each.variable.name.value);
  const list = [['as made', good], ['none', {}], ['all null', Object.fromEntries(keys.map(key => [key, null]))]];
  list.push(['extra', { ...good, notDeclared: 1 }]);
  while (list.length < count) list.push(variant(keys, good, random));
  return random.some(list.slice(1), count - 1).concat([list[0]]);
}

function variant(keys, good, random) {
  const key = random.pick(keys);
  const copy = structuredClone(good);
  switch (random.int(0, 3)) {
    case 0:
      delete copy[key];
      return ['absent', copy];
    case 1:
      return ['null', { ...copy, [key]: null }];
    case 2:
      return ['another kind', { ...copy, [key]: random.pick(OTHERS) }];
    default:
      return ['changed inside', { ...copy, [key]: inside(copy[key], random) }];
  }
}

/** The value with one change somewhere in it. */
function inside(value, random) {
  if (random.chance(0.15)) return [value ?? null];
  if (Array.isArray(value) && value.length > 0) {
    if (random.chance(0.3)) return value[0];
    const place = random.int(0, value.length - 1);
    return value.map((item, index) => (index === place ? inside(item, random) : item));
  }
  if (value !== null && typeof value === 'object' && Object.keys(value).length > 0) return insideObject(value, random);
  return random.pick(OTHERS);
}

function insideObject(value, random) {
  const key = random.pick(Object.keys(value));
  if (random.chance(0.2)) return { ...value, notAField: random.pick(OTHERS) };
  if (random.chance(0.2)) return Object.fromEntries(Object.entries(value).filter(([each]) => each !== key));
  return { ...value, [key]: inside(value[key], random) };
}
