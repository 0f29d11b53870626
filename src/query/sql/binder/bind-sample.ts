/**
 * TABLESAMPLE: a table with a condition that is true of a part of its rows, by chance or, with REPEATABLE, by a hash of their keys
 * and the seed. There are no pages here that SYSTEM could choose among: it takes rows one by one as BERNOULLI does.
 */

import type { Node } from '@pgsql/types';
import type { ScalarFunction } from '../functions/evaluation.ts';
import { SqlError } from '../sql-error.ts';
import { formatText } from '../types/text-form.ts';
import { type SqlType, type SqlValue, titleOf } from '../types/types.ts';
import { type BoundExpression, type BoundRelation, type BoundScan, columnAt } from './bound.ts';
import { type Clause, ExpressionBinder } from './expression-binder.ts';
import { stringsOf } from './names.ts';
import type { QueryContext } from './query-context.ts';

type Sample = Extract<Node, { RangeTableSample: unknown }>['RangeTableSample'];

const CLAUSE: Clause = { title: 'TABLESAMPLE', aggregates: 'refused', place: 'functions in FROM' };

/** @throws SqlError `undefined_object`, `invalid_tablesample_argument`, and of the arguments. */
export function bindSample(scan: BoundScan, sample: Sample, context: QueryContext): BoundRelation {
  const { method, args = [], repeatable, location } = sample;
  const name = stringsOf(method).at(-1) ?? '';
  if (name !== 'bernoulli' && name !== 'system') {
    throw new SqlError('undefined_object', `tablesample method ${name} does not exist`, { location });
  }
  if (args.length !== 1) {
    throw new SqlError(
      'invalid_tablesample_argument',
      `tablesample method ${name} requires 1 argument, not ${args.length}`,
      { location },
    );
  }
  const binder = new ExpressionBinder(context, undefined);
  const numberOf = (node: Node, type: SqlType): BoundExpression => {
    const bound = binder.bind(node, CLAUSE);
    const coerced = binder.tryCoerce(bound, type, -1, 'assignment');
    if (coerced !== undefined) return coerced;
    const message = `argument of TABLESAMPLE must be type ${titleOf(type)}, not type ${titleOf(bound.type)}`;
    throw new SqlError('datatype_mismatch', message, { location: bound.location });
  };
  const percent = numberOf(args[0]!, 'float4');
  const seed = repeatable === undefined ? undefined : numberOf(repeatable, 'float8');
  const { table } = scan.table;
  const columns = [
    ...table.columns.map(({ name: column, type, modifier }, i) => ({ name: column, ...columnOf(i, type, modifier) })),
    ...(table.primaryKey.length > 0 ? [] : [{ name: '', ...columnOf(table.columns.length, 'int8', -1) }]),
  ];
  const key = table.primaryKey.length > 0 ? table.primaryKey : [table.columns.length];
  const keys = key.map((position) => columns[position]!.expression);
  const values = seed === undefined ? [percent, ...keys] : [percent, seed, ...keys];
  const where: BoundExpression = {
    kind: 'call',
    type: 'bool',
    modifier: -1,
    location: undefined,
    function: sampler(
      values.map(({ type }) => type),
      seed !== undefined,
    ),
    args: values,
  };
  return {
    kind: 'derived',
    alias: scan.alias,
    query: {
      kind: 'select',
      from: scan,
      where,
      grouping: undefined,
      windows: [],
      sets: [],
      distinct: false,
      distinctOn: undefined,
      columns: columns.map((column, position) => ({
        ...column,
        origin: position < table.columns.length ? { table: scan.table, position } : undefined,
      })),
      orderBy: [],
      limit: undefined,
      offset: undefined,
      withTies: false,
      locking: undefined,
    },
  };
}

function columnOf(index: number, type: SqlType, modifier: number): { readonly expression: BoundExpression } {
  return { expression: columnAt(index, { type, modifier }) };
}

/** A percentage, a seed if there is one, and the key of a row. */
function sampler(types: readonly SqlType[], isRepeatable: boolean): ScalarFunction {
  return {
    name: 'tablesample',
    arguments: types,
    result: 'bool',
    strict: false,
    volatility: 'volatile',
    evaluate: (values, context) => {
      const [percent, seed] = values as readonly (number | null)[];
      if (percent === null || percent === undefined) {
        throw new SqlError('invalid_tablesample_argument', 'TABLESAMPLE parameter cannot be null');
      }
      if (!(percent >= 0 && percent <= 100)) {
        throw new SqlError('invalid_tablesample_argument', 'sample percentage must be between 0 and 100');
      }
      if (!isRepeatable) return (context.random?.float() ?? 1) * 100 < percent;
      if (seed === null) {
        throw new SqlError('invalid_tablesample_repeat', 'TABLESAMPLE REPEATABLE parameter cannot be null');
      }
      const text = (value: SqlValue, i: number): string =>
        typeof value === 'object' && value !== null ? formatText(types[i + 2]!, value, context) : String(value);
      return fraction([String(seed), ...values.slice(2).map(text)].join('\0')) * 100 < percent;
    },
  };
}

/** From 0 up to 1, evenly (FNV-1a, stirred by the last steps of MurmurHash 3). */
function fraction(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
