/**
 * Functions that users define in SQL. Documented in docs/formats/relational.md.
 *
 *   {prefix}/catalog/ ('function', id)  -> definition as JSON
 */

import { type Bytes, text, utf8 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import type { ColumnType, SqlExpression, TableId } from './table.ts';

export interface FunctionParameter {
  readonly name?: string;
  readonly type: ColumnType;
  readonly mode: 'in' | 'out' | 'inout' | 'variadic' | 'table';
  readonly default?: SqlExpression;
}

export interface UserFunction {
  readonly id: TableId;
  readonly name: string;
  /** Id of its schema; undefined in `public`. */
  readonly schema?: number;
  readonly comment?: string;
  readonly parameters: readonly FunctionParameter[];
  /** `record` and `void` among them. */
  readonly result: string;
  readonly returnsSet: boolean;
  readonly strict: boolean;
  readonly volatility: 'immutable' | 'stable' | 'volatile';
  /** The text of the body. */
  readonly source: string;
  /** `RETURN …` or `BEGIN ATOMIC …`, where that stands for a body. */
  readonly clause?: string;
  /** The query whose rows it returns, as libpg_query's tree of SELECT; names in it are looked up when it is called. */
  readonly query: Readonly<Record<string, unknown>>;
  readonly zone: string;
}

export function functionKey(keyspace: Keyspace, id: TableId): Key {
  return keyspace.catalog.key(['function', BigInt(id)]);
}

export function functionsRange(keyspace: Keyspace): KeyRange {
  return keyspace.catalog.range(['function']);
}

const FORMAT = 1;

export function encodeFunction(definition: UserFunction): Bytes {
  return utf8(JSON.stringify({ format: FORMAT, ...definition }));
}

/** @throws OperationError `corruption`, `store_format`. */
export function decodeFunction(bytes: Bytes): UserFunction {
  let stored: UserFunction & { readonly format: number };
  try {
    stored = JSON.parse(text(bytes)) as typeof stored;
  } catch (error) {
    throw new OperationError('corruption', 'the definition of a function is no JSON', { cause: error });
  }
  const { format, ...definition } = stored;
  if (format !== FORMAT) {
    throw new OperationError('store_format', `the definition of a function has format ${format}, not ${FORMAT}`);
  }
  return definition;
}

/** Types of the arguments that calls give. */
export function inputTypes({ parameters }: Pick<UserFunction, 'parameters'>): readonly ColumnType[] {
  return inputs(parameters).map(({ type }) => type);
}

export function inputs(parameters: readonly FunctionParameter[]): readonly FunctionParameter[] {
  return parameters.filter(({ mode }) => mode === 'in' || mode === 'inout' || mode === 'variadic');
}

export function outputs(parameters: readonly FunctionParameter[]): readonly FunctionParameter[] {
  return parameters.filter(({ mode }) => mode === 'out' || mode === 'inout' || mode === 'table');
}
