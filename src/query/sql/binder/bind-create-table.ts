/** Binds CREATE TABLE: columns, types, defaults and the primary key. Other constraints are handed on; see table-editor.ts. */

import type { ColumnDef, Constraint, CreateStmt, IndexStmt, Node, TypeCast } from '@pgsql/types';
import { isKeyType } from '../../../models/relational/keys.ts';
import {
  COLUMNS_MAX,
  type Column,
  type ColumnDefault,
  type ColumnType,
  type ColumnValue,
  type SqlExpression,
  type Table,
} from '../../../models/relational/table.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { ScalarFunction } from '../functions/evaluation.ts';
import { columnNames, primaryKeyName } from '../object-names.ts';
import type { AccessMethod } from '../operator-classes.ts';
import { at, notSupported, SqlError } from '../sql-error.ts';
import { storageParameters } from '../storage-parameters.ts';
import { requireTablespace } from '../tablespaces.ts';
import { isObjectType } from '../types/object-names.ts';
import { isInteger, type SqlType, titleOf } from '../types/types.ts';
import { bindLike, type Likes } from './bind-like.ts';
import { type BoundExpression, leftmost } from './bound.ts';
import { checkCollation } from './collations.ts';
import { DEFAULT_EXPRESSION, ExpressionBinder } from './expression-binder.ts';
import { kindOf, namedType, relationName, requireStorable, stringsOf } from './names.ts';
import type { BindContext } from './query-context.ts';
import { asksForCatalog } from './referenced-tables.ts';
import { tableScope } from './scope.ts';
import { withCalls } from './stored-calls.ts';
import { readsVersion } from './system-columns.ts';
import { isImmutable } from './volatility.ts';
import { walkTree } from './walk-tree.ts';

/** Computes an expression that depends on nothing. */
export type EvaluateConstant = (expression: BoundExpression) => ColumnValue;

const NAME_BYTES_MAX = 63;

/** A constraint of a statement that the table's columns must be known for. */
export interface PendingConstraint {
  readonly constraint: Constraint;
  /** The column that it stands behind; undefined for one of the table. */
  readonly column: string | undefined;
}

/** A sequence that a column is to have: serial, or GENERATED … AS IDENTITY with the options of the sequence. */
export interface PendingSequence {
  readonly position: number;
  readonly identity: 'always' | 'default' | undefined;
  readonly options: readonly Node[];
}

export interface BoundCreateTable {
  readonly definition: Omit<Table, 'id' | 'version'>;
  readonly constraints: readonly PendingConstraint[];
  readonly sequences: readonly PendingSequence[];
  /** Those that LIKE takes over. */
  readonly indexes: readonly IndexStmt[];
  /** Whether the statement names the primary key; otherwise whoever creates the table finds a name that is free. */
  readonly namesKey: boolean;
}

/** @throws SqlError of any kind that a definition can be wrong in. */
export function bindCreateTable(
  statement: CreateStmt,
  context: BindContext,
  evaluate: EvaluateConstant,
  likes: Likes = new Map(),
): BoundCreateTable {
  const { name } = relationName(statement.relation!);
  refuse(statement);
  const columns: Column[] = [];
  const keys: { readonly names: readonly string[]; readonly constraint: Constraint }[] = [];
  const constraints: PendingConstraint[] = [];
  const sequences: PendingSequence[] = [];
  const indexes: IndexStmt[] = [];
  for (const element of statement.tableElts ?? []) {
    if ('ColumnDef' in element) {
      const { column, pending, sequence } = bindColumn(element.ColumnDef, name, context, evaluate);
      if (columns.some((other) => other.name === column.name)) {
        throw new SqlError('duplicate_column', `column "${column.name}" specified more than once`);
      }
      for (const constraint of pending) {
        if (constraint.contype === 'CONSTR_PRIMARY') keys.push({ names: [column.name], constraint });
        else constraints.push({ constraint, column: column.name });
      }
      if (sequence !== undefined) sequences.push({ position: columns.length, ...sequence });
      columns.push(column);
    } else if ('Constraint' in element) {
      const { Constraint: constraint } = element;
      if (constraint.contype === 'CONSTR_PRIMARY') keys.push({ names: stringsOf(constraint.keys), constraint });
      else constraints.push({ constraint, column: undefined });
    } else if ('TableLikeClause' in element) {
      const like = bindLike(element.TableLikeClause, likes.get(element.TableLikeClause)!);
      for (const { column, identity } of like.columns) {
        if (columns.some((other) => other.name === column.name)) {
          throw new SqlError('duplicate_column', `column "${column.name}" specified more than once`);
        }
        if (identity !== undefined) sequences.push({ position: columns.length, identity, options: [] });
        columns.push(column);
      }
      for (const constraint of like.constraints) {
        if (constraint.contype === 'CONSTR_PRIMARY') keys.push({ names: stringsOf(constraint.keys), constraint });
        else constraints.push({ constraint, column: undefined });
      }
      indexes.push(...like.indexes);
    } else throw notSupported(`${kindOf(element)} in CREATE TABLE`);
  }
  if (columns.length > COLUMNS_MAX) {
    throw new SqlError('too_many_columns', `tables can have at most ${COLUMNS_MAX} columns`);
  }
  const [key, second] = keys;
  if (second !== undefined) {
    throw new SqlError('invalid_table_definition', `multiple primary keys for table "${name}" are not allowed`, {
      location: second.constraint.location,
    });
  }
  const keyPositions = key === undefined ? [] : bindPrimaryKey(key.names, key.constraint, columns);
  for (const position of keyPositions) columns[position] = { ...columns[position]!, notNull: true };
  const isIndex = key !== undefined && isKeptAsIndex(key.constraint);
  if (isIndex)
    constraints.unshift({ constraint: key.constraint, column: key.names.length === 1 ? key.names[0] : undefined });
  const primaryKey = isIndex ? [] : keyPositions;
  const parameters = storageParameters('table', statement.options ?? []);
  const ofKey = primaryKey.length === 0 ? [] : storageParameters('index', key?.constraint.options ?? []);
  const definition = {
    name,
    columns,
    primaryKey,
    primaryKeyName: key?.constraint.conname ?? primaryKeyName(name),
    ...(statement.relation!.relpersistence === 'u' ? { unlogged: true } : {}),
    ...(parameters.length === 0 ? {} : { storageParameters: parameters }),
    ...(ofKey.length === 0 ? {} : { primaryKeyParameters: ofKey }),
  };
  const checked = { ...definition, columns: checkGenerated(definition, context) };
  return { definition: checked, constraints, sequences, indexes, namesKey: key?.constraint.conname !== undefined };
}

/** Generated columns read the others, never each other. @returns the columns as they are kept. */
export function checkGenerated(definition: Omit<Table, 'id' | 'version'>, context: BindContext): readonly Column[] {
  const { columns } = definition;
  return columns.map((column) => {
    const { name, generated, type } = column;
    if (generated === undefined) return column;
    // Nobody reads rows of a table that is not there yet.
    const table = { table: { ...definition, id: 0, version: 0 } as unknown as Table } as CatalogTable;
    const binder = new ExpressionBinder(context, tableScope([{ table, alias: definition.name, offset: 0 }]));
    const clause = { title: 'column generation expressions', aggregates: 'refused' } as const;
    const bound = binder.bind(generated.tree as unknown as Node, clause);
    const other = [...columnNames(generated.tree)].find((each) =>
      columns.some((column) => column.name === each && column.generated !== undefined),
    );
    if (other !== undefined) {
      throw new SqlError(
        'invalid_object_definition',
        `cannot use generated column "${other}" in column generation expression`,
        {
          detail: 'A generated column cannot reference another generated column.',
          location: leftmost(bound),
        },
      );
    }
    if (readsVersion(bound)) {
      const message = 'cannot use system column "xmin" in column generation expression';
      throw new SqlError('invalid_column_reference', message, { location: leftmost(bound) });
    }
    if (!isImmutable(bound)) {
      throw new SqlError('invalid_object_definition', 'generation expression is not immutable');
    }
    if (binder.tryCoerce(bound, type, -1, 'assignment') === undefined) {
      throw new SqlError(
        'datatype_mismatch',
        `column "${name}" is of type ${titleOf(type)} but default expression is of type ${titleOf(bound.type)}`,
        { hint: 'You will need to rewrite or cast the expression.' },
      );
    }
    return { ...column, generated: { ...generated, tree: withCalls(generated.tree, context) } };
  });
}

function refuse(statement: CreateStmt): void {
  if (statement.inhRelations !== undefined) {
    throw notSupported(statement.partbound === undefined ? 'INHERITS' : 'PARTITION OF');
  }
  if (statement.partspec !== undefined) throw notSupported('PARTITION BY', statement.partspec.location);
  if (statement.ofTypename !== undefined) throw notSupported('CREATE TABLE … OF', statement.ofTypename.location);
  requireTablespace(statement.tablespacename);
  if (statement.accessMethod !== undefined) throw notSupported('USING in CREATE TABLE');
}

const SERIAL: Readonly<Record<string, ColumnType>> = {
  smallserial: 'int2',
  serial2: 'int2',
  serial: 'int4',
  serial4: 'int4',
  bigserial: 'int8',
  serial8: 'int8',
};

/** Columns that every table has in PostgreSQL. */
const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['tableoid', 'ctid', 'xmin', 'cmin', 'xmax', 'cmax']);

interface BoundColumnDefinition {
  readonly column: Column;
  /** PRIMARY KEY, UNIQUE, CHECK and REFERENCES. */
  readonly pending: readonly Constraint[];
  readonly sequence: Omit<PendingSequence, 'position'> | undefined;
}

/** @param bindExpression Runs what binds the default, and says whether its errors have a place. */
export function bindColumn(
  definition: ColumnDef,
  table: string,
  context: BindContext,
  evaluate: EvaluateConstant,
  bindExpression = <T>(work: () => T): T => work(),
): BoundColumnDefinition {
  const { colname: name = '', location } = definition;
  const typeNames = stringsOf(definition.typeName?.names);
  const serial = typeNames.length === 1 ? SERIAL[typeNames[0]!] : undefined;
  if (serial !== undefined && (definition.typeName?.arrayBounds ?? []).length > 0) {
    throw new SqlError('feature_not_supported', 'array of serial is not implemented', { location });
  }
  const { type, modifier } = serial === undefined ? namedType(definition.typeName) : { type: serial, modifier: -1 };
  const collation = checkCollation(definition.collClause, type);
  if (SYSTEM_COLUMNS.has(name)) {
    throw new SqlError('duplicate_column', `column name "${name}" conflicts with a system column name`);
  }
  requireStorable(name, type);
  let nullability: boolean | undefined;
  let lastLocation: number | undefined;
  let value: ColumnDefault | undefined;
  let generated: SqlExpression | undefined;
  let sequence: BoundColumnDefinition['sequence'] =
    serial === undefined ? undefined : { identity: undefined, options: [] };
  const pending: Constraint[] = [];
  for (const node of definition.constraints ?? []) {
    if (!('Constraint' in node)) continue;
    const { Constraint: constraint } = node;
    lastLocation = constraint.location;
    switch (constraint.contype) {
      case 'CONSTR_NULL':
      case 'CONSTR_NOTNULL': {
        const notNull = constraint.contype === 'CONSTR_NOTNULL';
        if ((nullability !== undefined && nullability !== notNull) || (!notNull && sequence !== undefined)) {
          throw new SqlError(
            'syntax_error',
            `conflicting NULL/NOT NULL declarations for column "${name}" of table "${table}"`,
            { location: constraint.location },
          );
        }
        nullability = notNull;
        break;
      }
      case 'CONSTR_DEFAULT':
        if (value !== undefined || serial !== undefined) {
          throw new SqlError(
            'syntax_error',
            `multiple default values specified for column "${name}" of table "${table}"`,
            // What serial adds comes last, and stands nowhere.
            { location: value === undefined ? undefined : constraint.location },
          );
        }
        value = bindExpression(() => bindDefault(constraint.raw_expr!, name, { type, modifier }, context, evaluate));
        break;
      case 'CONSTR_IDENTITY': {
        if (sequence?.identity !== undefined) {
          throw new SqlError(
            'syntax_error',
            `multiple identity specifications for column "${name}" of table "${table}"`,
            { location: constraint.location },
          );
        }
        if (nullability === false) {
          throw new SqlError(
            'syntax_error',
            `conflicting NULL/NOT NULL declarations for column "${name}" of table "${table}"`,
            { location: constraint.location },
          );
        }
        if (!isInteger(type)) {
          throw new SqlError('invalid_parameter_value', 'identity column type must be smallint, integer, or bigint');
        }
        if (serial !== undefined) {
          const message = `both default and identity specified for column "${name}" of table "${table}"`;
          throw new SqlError('syntax_error', message);
        }
        const identity = constraint.generated_when === 'd' ? 'default' : 'always';
        sequence = { identity, options: constraint.options ?? [] };
        break;
      }
      case 'CONSTR_GENERATED':
        generated = { tree: constraint.raw_expr as unknown as SqlExpression['tree'], zone: context.time.zone.name };
        break;
      case 'CONSTR_PRIMARY':
      case 'CONSTR_UNIQUE':
      case 'CONSTR_CHECK':
      case 'CONSTR_FOREIGN':
        pending.push(constraint);
        break;
      case 'CONSTR_ATTR_DEFERRABLE':
      case 'CONSTR_ATTR_NOT_DEFERRABLE':
      case 'CONSTR_ATTR_DEFERRED':
      case 'CONSTR_ATTR_IMMEDIATE': {
        const last = pending.pop();
        if (last === undefined) {
          throw new SqlError('syntax_error', 'misplaced DEFERRABLE clause', { location: constraint.location });
        }
        const { contype } = constraint;
        pending.push({
          ...last,
          ...(contype === 'CONSTR_ATTR_DEFERRABLE' ? { deferrable: true } : {}),
          ...(contype === 'CONSTR_ATTR_DEFERRED' ? { deferrable: true, initdeferred: true } : {}),
        });
        break;
      }
      default:
        throw notSupported('this constraint of a column', constraint.location);
    }
  }
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) {
    throw new SqlError('name_too_long', `the column name "${name}" is longer than ${NAME_BYTES_MAX} bytes`, {
      location,
    });
  }
  if (value !== undefined && sequence !== undefined) {
    const message = `both default and identity specified for column "${name}" of table "${table}"`;
    throw new SqlError('syntax_error', message, { location: lastLocation });
  }
  if (value !== undefined && generated !== undefined) {
    const message = `both default and generation expression specified for column "${name}" of table "${table}"`;
    throw new SqlError('syntax_error', message, { location: lastLocation });
  }
  const notNull = nullability === true || sequence !== undefined;
  const column = {
    name,
    type,
    modifier,
    ...collation,
    notNull,
    default: value,
    ...(generated === undefined ? {} : { generated }),
  };
  return { column, pending, sequence };
}

export function bindDefault(
  node: Node,
  name: string,
  column: Pick<Column, 'type' | 'modifier'>,
  context: BindContext,
  evaluate: EvaluateConstant,
): ColumnDefault {
  const sequence = sequenceIn(node);
  if (sequence !== undefined && isInteger(column.type) && context.sequenceNamed !== undefined) {
    const { sequenceNamed } = context;
    return { kind: 'sequence', id: at(sequence.location, () => sequenceNamed(sequence.name)) };
  }
  const binder = new ExpressionBinder(context, undefined);
  const bound = at(undefined, () => binder.bind(node, DEFAULT_EXPRESSION));
  const coerced = binder.tryCoerce(bound, column.type, column.modifier, 'assignment');
  if (coerced === undefined) throw defaultMismatch(name, column.type, bound);
  const called = coerced.kind === 'cast' && coerced.arg.type === 'timestamptz' ? coerced.arg : coerced;
  if (called.kind === 'call' && called.spelled === undefined && isNow(called.function)) {
    if (column.type === 'timestamptz' || column.type === 'timestamp') return { kind: 'now' };
  }
  const tree = withCalls(node, context) as unknown as SqlExpression['tree'];
  const expression = { tree, zone: context.time.zone.name };
  if ('A_Const' in node && isImmutable(coerced)) {
    const value = at(bound.location, () => evaluate(coerced));
    return { kind: 'constant', value, written: isObjectType(coerced.type) ? numbered(value, expression) : expression };
  }
  return { kind: 'expression', expression };
}

/** The text of an object's name, as a definition keeps it: by the object's number. */
function numbered(value: ColumnValue, { zone }: SqlExpression): SqlExpression {
  return { tree: { A_Const: { sval: { sval: String(value) } } }, zone };
}

function isNow({ name, id, runs }: ScalarFunction): boolean {
  return id === undefined && runs === undefined && NOW_FUNCTIONS.has(name);
}

/** The name in `nextval('name')` and `nextval('name'::regclass)`: the sequence is meant, whatever it is called later. */
function sequenceIn(
  node: Node,
): { readonly name: string; readonly location: number | undefined; readonly cast: TypeCast | undefined } | undefined {
  if (!('FuncCall' in node)) return undefined;
  const { funcname, args = [] } = node.FuncCall;
  const names = stringsOf(funcname);
  if (names.at(-1) !== 'nextval' || (names.length > 1 && names[0] !== 'pg_catalog') || args.length !== 1) {
    return undefined;
  }
  const [arg] = args;
  const cast = arg !== undefined && 'TypeCast' in arg ? arg.TypeCast : undefined;
  if (cast !== undefined && stringsOf(cast.typeName?.names).at(-1) !== 'regclass') return undefined;
  const literal = cast === undefined ? arg : cast.arg;
  if (literal === undefined || !('A_Const' in literal) || literal.A_Const.sval === undefined) return undefined;
  return { name: literal.A_Const.sval.sval ?? '', location: literal.A_Const.location, cast };
}

/** Whether what defines a table names objects of the catalog other than sequences that give defaults. */
export function namesObjects(definition: object): boolean {
  const known = new Set<object>();
  walkTree(definition, (node) => {
    const sequence = 'FuncCall' in node ? sequenceIn(node as Node) : undefined;
    if (sequence?.cast !== undefined) {
      for (const name of sequence.cast.typeName?.names ?? []) if ('String' in name) known.add(name.String);
    }
    return true;
  });
  return asksForCatalog(definition, (named) => known.has(named));
}

function defaultMismatch(name: string, type: ColumnType, expression: BoundExpression): SqlError {
  return new SqlError(
    'datatype_mismatch',
    `column "${name}" is of type ${titleOf(type)} but default expression is of type ${titleOf(expression.type)}`,
    { hint: 'You will need to rewrite or cast the expression.' },
  );
}

const NOW_FUNCTIONS = new Set(['now', 'transaction_timestamp']);

/** A key whose rows may share it for a while, or that has columns beside it, cannot be what rows are found by. */
export function isKeptAsIndex({ deferrable, initdeferred, including }: Constraint): boolean {
  return deferrable === true || initdeferred === true || including !== undefined;
}

export function bindPrimaryKey(
  names: readonly string[],
  constraint: Constraint,
  columns: readonly Column[],
): readonly number[] {
  const { location } = constraint;
  requireTablespace(constraint.indexspace);
  const positions: number[] = [];
  for (const name of names) {
    const position = columns.findIndex((column) => column.name === name);
    const column = columns[position];
    if (column === undefined) {
      throw new SqlError('undefined_column', `column "${name}" named in key does not exist`, { location });
    }
    if (positions.includes(position)) {
      throw new SqlError('duplicate_column', `column "${name}" appears twice in primary key constraint`, { location });
    }
    if (!isKeyType(column.type)) throw withoutOrder(column.type);
    positions.push(position);
  }
  return positions;
}

/** The error of a key over values that cannot be sorted. */
export function withoutOrder(type: SqlType, method: AccessMethod = 'btree'): SqlError {
  return new SqlError(
    'undefined_object',
    `data type ${titleOf(type)} has no default operator class for access method "${method}"`,
    { hint: 'You must specify an operator class for the index or define a default operator class for the data type.' },
  );
}
