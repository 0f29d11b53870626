/** Reading the small pieces of syntax trees: lists of names, type names, tables. */

import type { Node, RangeVar, TypeName } from '@pgsql/types';
import { NUMERIC_SCALE_MAX } from '../../../models/relational/numeric.ts';
import { type ColumnType, STORED_TYPES } from '../../../models/relational/table.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { typeNamed } from '../types/types.ts';

/** Of a node that is a string. */
export function stringOf(node: Node | undefined): string {
  return node !== undefined && 'String' in node ? (node.String.sval ?? '') : '';
}

export function stringsOf(nodes: readonly Node[] | undefined): readonly string[] {
  return (nodes ?? []).map(stringOf);
}

/** The statement's kind as SQL writes it: `AlterTableStmt` is ALTER TABLE. */
export function statementTitle(kind: string): string {
  return kind
    .replace(/Stmt$/, '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toUpperCase();
}

/** The first place that anything inside a part of a tree tells; parts themselves often tell none. */
export function placeIn(part: unknown): number | undefined {
  if (typeof part !== 'object' || part === null) return undefined;
  const pending: object[] = [part];
  let least: number | undefined;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const [name, value] of Object.entries(next)) {
      if (typeof value === 'object' && value !== null) pending.push(value);
      else if (name === 'location' && typeof value === 'number' && value >= 0) least = Math.min(least ?? value, value);
    }
  }
  return least;
}

export function kindOf(node: Node): string {
  return Object.keys(node)[0] ?? '';
}

/**
 * The name of a table in schema public. Other schemas hold nothing here.
 * @throws SqlError `undefined_table` for other schemas, `feature_not_supported` for other databases.
 */
export function tableName(range: RangeVar): string {
  if (range.catalogname !== undefined) throw notSupported('naming a database in a table name', range.location);
  const name = range.relname ?? '';
  if (range.schemaname !== undefined && range.schemaname !== 'public') {
    throw new SqlError('undefined_table', `relation "${range.schemaname}.${name}" does not exist`, {
      location: range.location,
    });
  }
  return name;
}

/** Types of PostgreSQL that have no column here, so that their names are known but not supported. */
const UNSUPPORTED = new Set(
  (
    'bit box bytea char cidr circle date daterange float4 inet int4range int8range interval json jsonb ' +
    'jsonpath line lseg macaddr macaddr8 money name numrange oid path pg_lsn point polygon refcursor regclass regproc ' +
    'regtype regnamespace regrole serial bigserial smallserial serial4 serial8 serial2 time timetz tsquery ' +
    'tsrange tstzrange tsvector txid_snapshot uuid varbit vector xid xml'
  ).split(' '),
);

export interface NamedType {
  readonly type: ColumnType;
  readonly modifier: number;
}

/** @throws SqlError `undefined_object`, `feature_not_supported`, `invalid_parameter_value`. */
export function namedType(typeName: TypeName | undefined): NamedType {
  const names = stringsOf(typeName?.names);
  const location = typeName?.location;
  const last = names.at(-1) ?? '';
  const shown = names[0] === 'pg_catalog' ? last : names.join('.');
  if (typeName?.setof === true || typeName?.pct_type === true) throw notSupported(`type ${shown}`, location);
  if ((typeName?.arrayBounds ?? []).length > 0) throw notSupported(`type ${shown}[]`, location);
  if (names.length > 2 || (names.length === 2 && names[0] !== 'pg_catalog')) {
    throw new SqlError('undefined_object', `type "${shown}" does not exist`, { location });
  }
  const named = typeNamed(last);
  const type = STORED_TYPES.find((each) => each === named);
  if (type === undefined) {
    if (UNSUPPORTED.has(last)) throw notSupported(`type ${last}`, location);
    throw new SqlError('undefined_object', `type "${shown}" does not exist`, { location });
  }
  return { type, modifier: modifierOf(type, typeName?.typmods ?? [], location) };
}

function modifierOf(type: ColumnType, nodes: readonly Node[], location: number | undefined): number {
  if (nodes.length === 0) return -1;
  const numbers = nodes.map((node) => ('A_Const' in node ? (node.A_Const.ival?.ival ?? 0) : Number.NaN));
  const [first = 0, second = 0] = numbers;
  if (numbers.some((number) => Number.isNaN(number))) {
    throw new SqlError('syntax_error', 'type modifiers must be simple constants or identifiers', { location });
  }
  if ((type === 'varchar' || type === 'bpchar') && nodes.length === 1) {
    const title = type === 'varchar' ? 'varchar' : 'char';
    if (first < 1) {
      throw new SqlError('invalid_parameter_value', `length for type ${title} must be at least 1`, { location });
    }
    if (first > 10_485_760) {
      throw new SqlError('invalid_parameter_value', `length for type ${title} cannot exceed 10485760`, { location });
    }
    return first + 4;
  }
  if (type === 'numeric' && nodes.length <= 2) {
    if (first < 1 || first > 1_000) {
      throw new SqlError('invalid_parameter_value', `NUMERIC precision ${first} must be between 1 and 1000`, {
        location,
      });
    }
    if (second < 0 || second > Math.min(1_000, NUMERIC_SCALE_MAX)) {
      throw notSupported(`NUMERIC scale ${second}`, location);
    }
    if (second > first) throw notSupported(`NUMERIC scale ${second} above precision ${first}`, location);
    return ((first << 16) | second) + 4;
  }
  if (type === 'timestamp' || type === 'timestamptz') throw notSupported(`a precision of type ${type}`, location);
  throw new SqlError('syntax_error', `type modifier is not allowed for type "${type}"`, { location });
}
