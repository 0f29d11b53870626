/**
 * `= <> < <= > >=` as rows of the table of operators. What they compute is the order of `types/compare.ts`: a call of one of
 * them is bound as a comparison of two values of one type, and only functions that take operators run the kernel here.
 */

import { compareFor } from '../types/compare.ts';
import type { SqlType } from '../types/types.ts';
import type { FunctionTable, KernelBuilder } from './definition.ts';
import type { Argument } from './evaluation.ts';

/** Marks the rows of this table. */
export const COMPARISON: KernelBuilder = {
  build: ([type]) => {
    const compare = compareFor(type!);
    return (a: Argument, b: Argument) => compare(a, b) === 0;
  },
};

/** Types with an order of their own. `varchar` compares as text. */
const ORDERED: readonly SqlType[] = [
  'bool',
  'bytea',
  'char',
  'name',
  'int8',
  'int2',
  'int4',
  'text',
  'oid',
  'oidvector',
  'float4',
  'float8',
  'inet',
  'bpchar',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'interval',
  'timetz',
  'numeric',
  'uuid',
  'bit',
  'varbit',
  'macaddr',
  'macaddr8',
  'xid8',
  'pg_lsn',
  'jsonb',
  'anyarray',
  'anyenum',
  'anyrange',
  'anymultirange',
  'record',
];

/** Types that compare with each other though they differ; both become what they have in common. */
const FAMILIES: readonly (readonly SqlType[])[] = [
  ['int2', 'int4', 'int8'],
  ['float4', 'float8'],
  ['date', 'timestamp', 'timestamptz'],
  ['name', 'text'],
];

/** Families whose mixed pairs have arithmetic in PostgreSQL as well. */
const NUMBERS = FAMILIES.slice(0, 2);

/** Whether PostgreSQL has an operator of that name for two different types of one family. */
export function isMixedOperator(name: string, left: SqlType, right: SqlType): boolean {
  const families = /^[-+*/]$/.test(name) ? NUMBERS : /^(=|<>|[<>]=?)$/.test(name) ? FAMILIES : [];
  return left !== right && families.some((family) => family.includes(left) && family.includes(right));
}

function* pairs(): Iterable<readonly [SqlType, SqlType]> {
  for (const type of ORDERED) yield [type, type];
  for (const family of FAMILIES) for (const a of family) for (const b of family) if (a !== b) yield [a, b];
}

/** By code point, whatever the collation: which is how everything sorts here. */
function pattern(test: (order: number) => boolean): KernelBuilder {
  return {
    build: ([type]) => {
      const compare = compareFor(type!);
      return (a: Argument, b: Argument) => test(compare(a, b));
    },
  };
}

export const COMPARISONS: FunctionTable = Object.fromEntries([
  ...['text', 'bpchar'].flatMap((type): [string, KernelBuilder][] => [
    [`~<~(${type}, ${type}) bool`, pattern((order) => order < 0)],
    [`~<=~(${type}, ${type}) bool`, pattern((order) => order <= 0)],
    [`~>=~(${type}, ${type}) bool`, pattern((order) => order >= 0)],
    [`~>~(${type}, ${type}) bool`, pattern((order) => order > 0)],
  ]),

  ...[...pairs()].flatMap(([a, b]) =>
    ['=', '<>', '<', '<=', '>', '>='].map((operator) => [`${operator}(${a}, ${b}) bool`, COMPARISON]),
  ),
  // What is equal to itself and has no order.
  ['=(xid, xid) bool', COMPARISON],
  ['<>(xid, xid) bool', COMPARISON],
  ['=(xid, int4) bool', COMPARISON],
  ['<>(xid, int4) bool', COMPARISON],
]);
