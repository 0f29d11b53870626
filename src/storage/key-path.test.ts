import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Bytes, concatBytes, latin1, utf8 } from '../base/bytes.ts';
import { decimal, INT64_MAX, INT64_MIN, timestamp, uuid } from '../base/value.ts';
import { formatKeyPath, type NameResolver, parseKeyPathPrefix } from './key-path.ts';
import { rangeContains } from './key-range.ts';
import { Keyspace } from './keyspace.ts';
import { encodeTuple, type TupleValue } from './tuple.ts';

const seed = process.env.ORBIT_TEST_SEED;
const keyspace = new Keyspace();

/** Tables 7 `users`, 8 `42`, 9 `a/b #1` and index 1 of table 7, `by_name`; graph 1 `social` with edge type 2 `knows`. */
const catalog: readonly [string, bigint, bigint | undefined, string][] = [
  ['table', 7n, undefined, 'users'],
  ['table', 8n, undefined, '42'],
  ['table', 9n, undefined, '#a/b'],
  ['index', 1n, 7n, 'by_name'],
  ['graph', 1n, undefined, 'social'],
  ['edgeType', 2n, 1n, 'knows'],
  ['series', 3n, undefined, 'cpu'],
];
const names: NameResolver = {
  nameOf: (kind, id, parent) =>
    catalog.find((row) => row[0] === kind && row[1] === id && (row[2] ?? parent) === parent)?.[3],
  idOf: (kind, name, parent) =>
    catalog.find((row) => row[0] === kind && row[3] === name && (row[2] ?? parent) === parent)?.[1],
};

const path = (key: Bytes): string => formatKeyPath(key, keyspace, names);

test.each<[string, Bytes]>([
  ['orbit/kv/0/user:1', keyspace.kv.key([0n, utf8('user:1')])],
  ['orbit/kv/0/42/field', keyspace.kv.key([0n, utf8('42'), 'field'])],
  ["orbit/kv/0/x''", keyspace.kv.key([0n, utf8('')])],
  ['orbit/kv/0/%00%FFa%2Fb', keyspace.kv.key([0n, Buffer.from('\0\xffa/b', 'latin1')])],
  ['orbit/kv/0/größe %E2%80%8B', keyspace.kv.key([0n, utf8('größe \u200b')])],
  ['orbit/relational/users/42', keyspace.relational.key([7n, 42n])],
  ["orbit/relational/users/'42'/true", keyspace.relational.key([7n, '42', true])],
  ["orbit/relational/'42'/-1", keyspace.relational.key([8n, -1n])],
  ['orbit/relational/%23a%2Fb/null', keyspace.relational.key([9n, null])],
  ['orbit/relational/#10/a', keyspace.relational.key([10n, 'a'])],
  [
    'orbit/index/users/by_name/~alice/5',
    keyspace.index.key([7n, 1n, 'alice', 5n], { descending: [false, false, true] }),
  ],
  ["orbit/index/'42'/#1", keyspace.index.key([8n, 1n])],
  ['orbit/graph/nodes/social/1', keyspace.graphNodes.key([1n, 1n])],
  ['orbit/graph/edges/social/1/2/knows/9', keyspace.graphEdges.key([1n, 1n, 2n, 2n, 9n])],
  [
    'orbit/timeseries/cpu/2023-11-14T22:13:20.000001Z',
    keyspace.timeseries.key([3n, timestamp(1_700_000_000_000_001n)]),
  ],
  ['orbit/timeseries/cpu/1969-12-31T23:59:59.999999Z', keyspace.timeseries.key([3n, timestamp(-1n)])],
  ['orbit/timeseries/cpu/@9223372036854775807', keyspace.timeseries.key([3n, timestamp(INT64_MAX)])],
  ['orbit/meta/1.5/1.0/NaN/12.5m', keyspace.meta.key([1.5, 1, NaN, decimal('12.50')])],
  ["orbit/meta/x'00ff'/(1,(a,b),())", keyspace.meta.key([Buffer.of(0, 255), [1n, ['a', 'b'], []]])],
  ["orbit/actors/seat-map/'null'/%7Ehamlet", keyspace.actors.key(['seat-map', 'null', '~hamlet'])],
  [
    'orbit/cluster/6ba7b810-9dad-11d1-80b4-00c04fd430c8',
    keyspace.cluster.key([uuid('6ba7b810-9dad-11d1-80b4-00c04fd430c8')]),
  ],
  ['orbit/tenant/acme/kv/0/a', keyspace.tenant('acme').kv.key([0n, utf8('a')])],
  ['orbit/kv/', keyspace.kv.key([])],
])('%s', (expected, key) => {
  expect(path(key)).toBe(expected);
  const range = parseKeyPathPrefix(expected.endsWith('/') ? expected : `${expected}/`, keyspace, names);
  expect(latin1(range.start)).toBe(latin1(key));
});

test.each<[string, Bytes]>([
  ['foreign\\x00key', utf8('foreign\0key')],
  ['orbit/kv/\\x00', utf8('orbit/kv/\0')],
  ['orbit/unknown/1', utf8('orbit/unknown/1')],
  ['orbit/tenant/x', utf8('orbit/tenant/x')],
  ['orbit/tenant/\\xff/kv/', concatBytes(utf8('orbit/tenant/'), Buffer.of(255), utf8('/kv/'))],
])('a key that is no tuple of a known space is printed as its bytes: %s', (expected, key) => {
  expect(path(key)).toBe(expected);
});

describe('a path finds the keys that begin with it', () => {
  const keys = [
    keyspace.kv.key([0n, utf8('user:1')]),
    keyspace.kv.key([0n, utf8('user:12')]),
    keyspace.kv.key([0n, utf8('user:1'), 'field']),
    keyspace.kv.key([1n, utf8('user:1')]),
    keyspace.relational.key([7n, 'alice']),
    keyspace.relational.key([7n, 42n]),
    keyspace.relational.key([8n, 'alice']),
    keyspace.index.key([7n, 1n, 'alice', 1n], { descending: [false, false, true] }),
    keyspace.index.key([7n, 1n, 'bob', 1n], { descending: [false, false, true] }),
    keyspace.tenant('acme').kv.key([0n, utf8('user:1')]),
  ];
  test.each<[string, number[]]>([
    ['orbit', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['orbit/', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['orbit/k', [0, 1, 2, 3]],
    ['orbit/kv', [0, 1, 2, 3]],
    ['orbit/kv/', [0, 1, 2, 3]],
    ['orbit/kv/0', [0, 1, 2]],
    ['orbit/kv/0/us', [0, 1, 2]],
    ['orbit/kv/0/user:1', [0, 1, 2]],
    ['orbit/kv/0/user:1/', [0, 2]],
    ['orbit/kv/0/user:1/f', [2]],
    ['orbit/relational/users/', [4, 5]],
    ['orbit/relational/users', [4, 5]],
    ['orbit/relational/users/al', [4]],
    ["orbit/relational/users/'al'", []],
    ["orbit/relational/users/'alice'", [4]],
    ['orbit/relational/users/4', []],
    ['orbit/relational/users/42', [5]],
    ['orbit/relational/#8/', [6]],
    ['orbit/relational/8/', [6]],
    ['orbit/index/users/by_name/~al', [7]],
    ['orbit/index/users/by_name/', [7, 8]],
    ['orbit/tenant/acme/kv/0/', [9]],
    ['orbit/tenant/', [9]],
    ['nothing', []],
  ])('%s', (prefix, expected) => {
    const range = parseKeyPathPrefix(prefix, keyspace, names);
    expect(keys.flatMap((key, i) => (rangeContains(range, key) ? [i] : []))).toEqual(expected);
  });
});

test.each([
  ['orbit/relational/nobody/', 'not_found'],
  ['orbit/index/42/by_name/', 'not_found'],
  ['orbit/kv/0/%2', 'invalid_argument'],
  ['orbit/meta/%FF', 'invalid_argument'],
  ['orbit/meta/(1', 'invalid_argument'],
  ['orbit/meta/(1))', 'invalid_argument'],
  ['orbit/meta/(1)(2)', 'invalid_argument'],
  ['orbit/relational/#99999999999999999999/', 'not_found'],
  ['orbit/relational/#9999999999999999999/', 'out_of_range'],
])('%s is refused as %s', (prefix, code) => {
  expect(() => parseKeyPathPrefix(prefix, keyspace, names)).toThrow(expect.objectContaining({ code }));
});

test('every key reads back from its path', () => {
  const element: fc.Arbitrary<TupleValue> = fc.letrec<{ element: TupleValue }>((tie) => ({
    element: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(null, true, false, '', '1', '1.0', "'", '(', 'null', '#1', '~', '%', 'a b', 'NaN', '@1', "x''"),
      fc.string({ unit: 'binary' }),
      fc.bigInt({ min: INT64_MIN, max: INT64_MAX }),
      fc.double().map((value) => (value === 0 ? 0 : value)),
      fc.tuple(fc.integer(), fc.nat({ max: 8 })).map(([digits, scale]) => decimal(`${digits}e-${scale}`)),
      fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
      fc.bigInt({ min: INT64_MIN, max: INT64_MAX }).map(timestamp),
      fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }).map(timestamp),
      fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => uuid(Buffer.from(bytes))),
      fc.array(tie('element'), { maxLength: 3 }),
    ),
  })).element;
  const tuple = fc.array(fc.tuple(element, fc.boolean()), { maxLength: 4 });
  const property = fc.property(
    tuple,
    fc.uint8Array(),
    fc.constantFrom(...keyspace.spaces),
    (elements, bytes, space) => {
      const values = elements.map(([value]) => value);
      // Ids and Redis keys stand where the layouts expect them; everything else is free.
      const idPlaces = { relational: [0], index: [0, 1], vector: [0], timeseries: [0] } as Record<string, number[]>;
      for (const place of idPlaces[space.name] ?? (space.name.startsWith('graph/') ? [0, 3] : [])) {
        if (place < values.length) values[place] = BigInt(bytes.length);
      }
      if (space === keyspace.kv && values.length > 1) values[1] = Buffer.from(bytes);
      const key = space.key(values, { descending: elements.map(([, descending]) => descending) });
      const printed = path(key);
      expect(printed).toMatch(/^\P{Cc}*$/u);
      const read = parseKeyPathPrefix(printed.endsWith('/') ? printed : `${printed}/`, keyspace, names);
      expect(latin1(read.start), printed).toBe(latin1(key));
    },
  );
  fc.assert(property, seed === undefined ? { numRuns: 5_000 } : { numRuns: 5_000, seed: Number(seed) });
});

test('printing any bytes at all never throws', () => {
  const bytes = fc.oneof(
    fc.uint8Array(),
    fc
      .tuple(fc.constantFrom(...keyspace.spaces), fc.uint8Array())
      .map(([space, rest]) => concatBytes(space.prefix, rest)),
  );
  fc.assert(
    fc.property(bytes, (key) => {
      expect(path(key)).toMatch(/^\P{Cc}*$/u);
    }),
    seed === undefined ? {} : { seed: Number(seed) },
  );
});

test('the examples in the table of paths hold', () => {
  expect(
    path(
      concatBytes(
        keyspace.meta.prefix,
        encodeTuple([-5n, 1e21, 'alice', [1n, 'a'], 42n], { descending: [false, false, false, false, true] }),
      ),
    ),
  ).toBe('orbit/meta/-5/1e+21/alice/(1,a)/~42');
});
