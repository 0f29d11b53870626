/** Binds CREATE TABLE: columns, types, NOT NULL, constant defaults and the primary key. Other constraints are refused. */

import type { ColumnDef, Constraint, CreateStmt, DefElem, Node } from '@pgsql/types';
import { isKeyType } from '../../../models/relational/keys.ts';
import {
  COLUMNS_MAX,
  type Column,
  type ColumnDefault,
  type ColumnValue,
  type Table,
} from '../../../models/relational/table.ts';
import { at, notSupported, SqlError } from '../sql-error.ts';
import type { BoundExpression } from './bound.ts';
import { assignmentMismatch, ExpressionBinder } from './expression-binder.ts';
import { kindOf, namedType, stringsOf, tableName } from './names.ts';
import type { BindContext } from './query-context.ts';

/** Computes an expression that depends on nothing. */
export type EvaluateConstant = (expression: BoundExpression) => ColumnValue;

const NAME_BYTES_MAX = 63;

/** @throws SqlError of any kind that a definition can be wrong in. */
export function bindCreateTable(
  statement: CreateStmt,
  context: BindContext,
  evaluate: EvaluateConstant,
): Omit<Table, 'id' | 'version'> {
  const name = tableName(statement.relation!);
  refuse(statement);
  const columns: Column[] = [];
  const keys: { readonly names: readonly string[]; readonly constraint: Constraint }[] = [];
  for (const element of statement.tableElts ?? []) {
    if ('ColumnDef' in element) {
      const column = bindColumn(element.ColumnDef, name, context, evaluate, (constraint) =>
        keys.push({ names: [element.ColumnDef.colname ?? ''], constraint }),
      );
      if (columns.some((other) => other.name === column.name)) {
        throw new SqlError('duplicate_column', `column "${column.name}" specified more than once`);
      }
      columns.push(column);
    } else if ('Constraint' in element) {
      const { Constraint: constraint } = element;
      if (constraint.contype !== 'CONSTR_PRIMARY') throw unsupportedConstraint(constraint);
      keys.push({ names: stringsOf(constraint.keys), constraint });
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
  const primaryKey = key === undefined ? [] : bindPrimaryKey(key.names, key.constraint, columns);
  for (const position of primaryKey) columns[position] = { ...columns[position]!, notNull: true };
  return { name, columns, primaryKey, primaryKeyName: key?.constraint.conname ?? primaryKeyName(name) };
}

function refuse(statement: CreateStmt): void {
  const { relation } = statement;
  if (relation?.relpersistence === 't') throw notSupported('a temporary table', relation.location);
  if (relation?.relpersistence === 'u') throw notSupported('an unlogged table', relation.location);
  if (statement.inhRelations !== undefined) {
    throw notSupported(statement.partbound === undefined ? 'INHERITS' : 'PARTITION OF');
  }
  if (statement.partspec !== undefined) throw notSupported('PARTITION BY', statement.partspec.location);
  if (statement.ofTypename !== undefined) throw notSupported('CREATE TABLE … OF', statement.ofTypename.location);
  for (const option of statement.options ?? []) if ('DefElem' in option) checkStorageOption(option.DefElem);
  if (statement.tablespacename !== undefined) throw notSupported('TABLESPACE');
  if (statement.accessMethod !== undefined) throw notSupported('USING in CREATE TABLE');
  if (statement.oncommit !== undefined && statement.oncommit !== 'ONCOMMIT_NOOP') throw notSupported('ON COMMIT');
}

/** How full pages shall be is a question that does not arise here: a valid `fillfactor` changes nothing. */
function checkStorageOption({ defname = '', defnamespace, arg }: DefElem): void {
  if (defname !== 'fillfactor' || defnamespace !== undefined) throw notSupported(`storage parameter ${defname}`);
  const value = arg !== undefined && 'Integer' in arg ? (arg.Integer.ival ?? 0) : Number.NaN;
  if (Number.isNaN(value)) throw notSupported('this value of fillfactor');
  if (value >= 10 && value <= 100) return;
  throw new SqlError('invalid_parameter_value', `value ${value} out of bounds for option "fillfactor"`, {
    detail: 'Valid values are between "10" and "100".',
  });
}

function bindColumn(
  definition: ColumnDef,
  table: string,
  context: BindContext,
  evaluate: EvaluateConstant,
  addKey: (constraint: Constraint) => void,
): Column {
  const { colname: name = '', location } = definition;
  const { type, modifier } = namedType(definition.typeName);
  if (definition.collClause !== undefined) throw notSupported('COLLATE', definition.collClause.location);
  let nullability: boolean | undefined;
  let value: ColumnDefault | undefined;
  for (const node of definition.constraints ?? []) {
    if (!('Constraint' in node)) continue;
    const { Constraint: constraint } = node;
    switch (constraint.contype) {
      case 'CONSTR_NULL':
      case 'CONSTR_NOTNULL': {
        const notNull = constraint.contype === 'CONSTR_NOTNULL';
        if (nullability !== undefined && nullability !== notNull) {
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
        if (value !== undefined) {
          throw new SqlError(
            'syntax_error',
            `multiple default values specified for column "${name}" of table "${table}"`,
            {
              location: constraint.location,
            },
          );
        }
        value = bindDefault(constraint.raw_expr!, name, { type, modifier }, context, evaluate);
        break;
      case 'CONSTR_PRIMARY':
        addKey(constraint);
        break;
      default:
        throw unsupportedConstraint(constraint);
    }
  }
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) {
    throw new SqlError('name_too_long', `the column name "${name}" is longer than ${NAME_BYTES_MAX} bytes`, {
      location,
    });
  }
  return { name, type, modifier, notNull: nullability === true, default: value };
}

const CONSTRAINTS: Readonly<Record<string, string>> = {
  CONSTR_CHECK: 'CHECK',
  CONSTR_UNIQUE: 'UNIQUE outside of a primary key',
  CONSTR_FOREIGN: 'FOREIGN KEY',
  CONSTR_IDENTITY: 'GENERATED AS IDENTITY',
  CONSTR_GENERATED: 'a generated column',
  CONSTR_EXCLUSION: 'EXCLUDE',
};

function unsupportedConstraint(constraint: Constraint): SqlError {
  return notSupported(CONSTRAINTS[constraint.contype ?? ''] ?? 'a deferrable constraint', constraint.location);
}

function bindDefault(
  node: Node,
  name: string,
  column: Pick<Column, 'type' | 'modifier'>,
  context: BindContext,
  evaluate: EvaluateConstant,
): ColumnDefault {
  const binder = new ExpressionBinder(context, undefined);
  const bound = at(undefined, () => {
    if ('ColumnRef' in node) {
      throw new SqlError('feature_not_supported', 'cannot use column reference in DEFAULT expression', {
        location: node.ColumnRef.location,
      });
    }
    return binder.bind(node, { title: 'DEFAULT expressions', aggregates: 'refused' });
  });
  const coerced = binder.tryCoerce(bound, column.type, column.modifier, 'assignment');
  if (coerced === undefined) throw assignmentMismatch(name, column.type, bound);
  const called = coerced.kind === 'cast' && coerced.arg.type === 'timestamptz' ? coerced.arg : coerced;
  if (called.kind === 'call' && NOW_FUNCTIONS.has(called.function.name)) {
    if (column.type === 'timestamptz' || column.type === 'timestamp') return { kind: 'now' };
  }
  if (!isConstant(coerced)) throw notSupported('a default that is not a constant or now()', bound.location);
  return { kind: 'constant', value: at(bound.location, () => evaluate(coerced)) };
}

const NOW_FUNCTIONS = new Set(['now', 'transaction_timestamp']);

/** Rowless, and the same for every session and at every time. */
function isConstant(expression: BoundExpression): boolean {
  switch (expression.kind) {
    case 'constant':
      return true;
    case 'call':
      return expression.function.volatility === 'immutable' && expression.args.every(isConstant);
    case 'cast':
    case 'applyModifier':
      return isConstant(expression.arg);
    case 'coalesce':
    case 'and':
    case 'or':
    case 'extreme':
      return expression.args.every(isConstant);
    case 'compare':
      return isConstant(expression.left) && isConstant(expression.right);
    default:
      return false;
  }
}

export function bindPrimaryKey(
  names: readonly string[],
  constraint: Constraint,
  columns: readonly Column[],
): readonly number[] {
  const { location } = constraint;
  if (constraint.including !== undefined) throw notSupported('PRIMARY KEY … INCLUDE', location);
  if (constraint.deferrable === true) throw notSupported('a deferrable constraint', location);
  if (constraint.options !== undefined || constraint.indexspace !== undefined) {
    throw notSupported('options of a primary key', location);
  }
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
    if (!isKeyType(column.type)) throw notSupported(`a primary key of type ${column.type}`, location);
    positions.push(position);
  }
  return positions;
}

/** `{table}_pkey` in 63 bytes. */
export function primaryKeyName(table: string): string {
  let stem = table;
  while (Buffer.byteLength(stem) > NAME_BYTES_MAX - 5) stem = stem.slice(0, -1);
  return `${stem}_pkey`;
}
