/**
 * Functions and procedures that users define in SQL, and those that came with an extension. Documented in docs/formats/relational.md.
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

type Tree = Readonly<Record<string, unknown>>;

export interface UserFunction {
  readonly id: TableId;
  /** Called by CALL, and not in expressions. */
  readonly isProcedure?: boolean;
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
  /** Runs as its owner; missing: as whoever calls. */
  readonly securityDefiner?: boolean | undefined;
  /** The extension that it is a part of, and the name of the server's own code that is behind it. */
  readonly extension?: string;
  readonly native?: string;
  /** Kept for the catalog only, as are the next three. Missing: unsafe. */
  readonly parallel?: 'safe' | 'restricted' | undefined;
  readonly leakproof?: boolean | undefined;
  /** Missing: 100. */
  readonly cost?: number | undefined;
  /** How many a set is thought to have. Missing: 1000. */
  readonly rows?: number | undefined;
  /** The text of the body; the name that PostgreSQL has for native code. */
  readonly source: string;
  /** `RETURN …` or `BEGIN ATOMIC …`, where that stands for a body. */
  readonly clause?: string;
  /**
   * What it is, as libpg_query's trees; names in them are looked up when it is called. A function is either the query whose
   * rows it returns, which takes the place of the call, or statements that are run one after another, none among them.
   */
  readonly query?: Tree;
  readonly statements?: readonly Tree[];
  readonly zone: string;
}

export function functionKey(keyspace: Keyspace, id: TableId): Key {
  return keyspace.catalog.key(['function', BigInt(id)]);
}

export function functionsRange(keyspace: Keyspace): KeyRange {
  return keyspace.catalog.range(['function']);
}

/** One query. */
const FORMAT = 1;
/** Statements, or a procedure. */
const FORMAT_OF_STATEMENTS = 2;
/** Code of the server. */
const FORMAT_OF_EXTENSIONS = 3;

export function encodeFunction(definition: UserFunction): Bytes {
  const { extension, statements } = definition;
  const format =
    extension !== undefined ? FORMAT_OF_EXTENSIONS : statements !== undefined ? FORMAT_OF_STATEMENTS : FORMAT;
  return utf8(JSON.stringify({ format, ...definition }));
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
  if (format !== FORMAT && format !== FORMAT_OF_STATEMENTS && format !== FORMAT_OF_EXTENSIONS) {
    const message = `the definition of a function has format ${format}, not ${FORMAT} to ${FORMAT_OF_EXTENSIONS}`;
    throw new OperationError('store_format', message);
  }
  return definition;
}

/** Types of the arguments that tell it from others of its name. */
export function inputTypes({ parameters }: Pick<UserFunction, 'parameters'>): readonly ColumnType[] {
  return inputs(parameters).map(({ type }) => type);
}

export function inputs(parameters: readonly FunctionParameter[]): readonly FunctionParameter[] {
  return parameters.filter(({ mode }) => mode === 'in' || mode === 'inout' || mode === 'variadic');
}

export function outputs(parameters: readonly FunctionParameter[]): readonly FunctionParameter[] {
  return parameters.filter(({ mode }) => mode === 'out' || mode === 'inout' || mode === 'table');
}
