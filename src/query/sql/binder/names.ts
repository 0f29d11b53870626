/** Reading the small pieces of syntax trees: lists of names, type names, tables. */

import type { Node, RangeVar, TypeName } from '@pgsql/types';
import type { ColumnType, TableId } from '../../../models/relational/table.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { arrayOf, elementOf, isRowType, type SqlType, titleOf, typeInfo, typeNamed } from '../types/types.ts';
import type { ResolvedTypeName } from './type-names.ts';

/** Of a node that is a string. */
export function stringOf(node: Node | undefined): string {
  return node !== undefined && 'String' in node ? (node.String.sval ?? '') : '';
}

export function stringsOf(nodes: readonly Node[] | undefined): readonly string[] {
  return (nodes ?? []).map(stringOf);
}

/** Kinds of statements that SQL writes in other words than the tree. */
const TITLES: Readonly<Record<string, string>> = {
  AlterDatabaseSetStmt: 'ALTER DATABASE',
  AlterRoleSetStmt: 'ALTER ROLE',
  CheckPointStmt: 'CHECKPOINT',
  CreateAmStmt: 'CREATE ACCESS METHOD',
  CreateEventTrigStmt: 'CREATE EVENT TRIGGER',
  CreateFdwStmt: 'CREATE FOREIGN DATA WRAPPER',
  CreateForeignServerStmt: 'CREATE SERVER',
  CreateOpClassStmt: 'CREATE OPERATOR CLASS',
  CreateOpFamilyStmt: 'CREATE OPERATOR FAMILY',
  CreatePLangStmt: 'CREATE LANGUAGE',
  CreateStatsStmt: 'CREATE STATISTICS',
  CreateTableSpaceStmt: 'CREATE TABLESPACE',
  CreateTrigStmt: 'CREATE TRIGGER',
  CreatedbStmt: 'CREATE DATABASE',
  DropTableSpaceStmt: 'DROP TABLESPACE',
  DropdbStmt: 'DROP DATABASE',
  GrantRoleStmt: 'GRANT',
  RuleStmt: 'CREATE RULE',
  SecLabelStmt: 'SECURITY LABEL',
};

/** What a statement is called in SQL: `AlterTableStmt` is ALTER TABLE. */
export function statementTitle(node: Node): string {
  if ('DefineStmt' in node) return `CREATE ${(node.DefineStmt.kind ?? '').replace('OBJECT_', '').replaceAll('_', ' ')}`;
  if ('GrantStmt' in node && node.GrantStmt.is_grant !== true) return 'REVOKE';
  if ('GrantRoleStmt' in node && node.GrantRoleStmt.is_grant !== true) return 'REVOKE';
  const kind = kindOf(node) ?? '';
  const known = TITLES[kind];
  if (known !== undefined) return known;
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

/** What a node is one of: the name of its only field. */
export type NodeKind = Node extends infer Each ? (Each extends unknown ? keyof Each : never) : never;

export type NodeOf<Kind extends NodeKind> = Extract<Node, Record<Kind, unknown>>;

/**
 * Asked once for all kinds that a node may be of: to ask for one field after another takes longer than most of what follows.
 * Undefined for the empty node that lists may hold.
 */
export function kindOf(node: Node): NodeKind | undefined {
  for (const kind in node) return kind as NodeKind;
  return undefined;
}

/** A relation as a statement names it. */
export interface QualifiedName {
  /** Undefined: wherever the search path finds it. */
  readonly schema: string | undefined;
  readonly name: string;
  readonly location?: number | undefined;
  /** In the query of a view: which relation is meant, whatever it is called. */
  readonly id?: TableId;
}

/** What tells one name of a statement from another. */
export function nameKey({ schema, name, id }: QualifiedName): string {
  if (id !== undefined) return `\0${id}`;
  return schema === undefined ? name : `${schema}\0${name}`;
}

/** @throws SqlError `feature_not_supported` for other databases. */
export function relationName(range: RangeVar): QualifiedName {
  if (range.catalogname !== undefined) throw notSupported('naming a database in a table name', range.location);
  return { schema: range.schemaname, name: range.relname ?? '', location: range.location };
}

/** Of a list of names, the last of which is the relation's. @throws SqlError `syntax_error`, `feature_not_supported`. */
export function nameOfList(names: readonly string[]): QualifiedName {
  if (names.length > 3) {
    throw new SqlError('syntax_error', `improper relation name (too many dotted names): ${names.join('.')}`);
  }
  if (names.length === 3) throw notSupported('naming a database in a table name');
  return { schema: names.length > 1 ? names.at(-2)! : undefined, name: names.at(-1) ?? '' };
}

/** What a view's query keeps of a relation that it names: which one, and what its columns were called. */
export interface FrozenRelation {
  readonly id: TableId;
  readonly schema: string;
  /** Numbers and names. */
  readonly columns: readonly (readonly [number: number, name: string])[];
  /** The rows of a materialized view are about to be written. */
  readonly refresh?: boolean;
}

export type FrozenRange = RangeVar & { readonly relation?: FrozenRelation };

/** As the statement writes it. */
export function shownName({ schema, name }: QualifiedName): string {
  return schema === undefined ? name : `${schema}.${name}`;
}

/** Digits of a bit string, at most: PostgreSQL's MaxAttrSize times eight. */
const BITS_MAX = 83_886_080;

/** Types of PostgreSQL that are not here: their names are known but not supported. */
const UNSUPPORTED = new Set(
  (
    'box circle line lseg money path pg_lsn point polygon refcursor serial bigserial smallserial serial4 serial8 serial2 tid tsquery ' +
    'tsvector xml cid'
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
  const { userType } = (typeName ?? {}) as ResolvedTypeName;
  const isArray = (typeName?.arrayBounds ?? []).length > 0;
  if (userType === undefined && (names.length > 2 || (names.length === 2 && names[0] !== 'pg_catalog'))) {
    throw new SqlError('undefined_object', `type "${shown}${isArray ? '[]' : ''}" does not exist`, { location });
  }
  const element = userType ?? typeNamed(last);
  if (element === undefined) {
    if (UNSUPPORTED.has(last)) throw notSupported(`type ${last}`, location);
    throw new SqlError('undefined_object', `type "${shown}${isArray ? '[]' : ''}" does not exist`, { location });
  }
  const type = isArray ? (elementOf(element) === undefined ? arrayOf(element) : element) : element;
  if (type === undefined) {
    throw new SqlError('undefined_object', `type "${shown}[]" does not exist`, { location });
  }
  return { type: type as ColumnType, modifier: modifierOf(element as ColumnType, typeName?.typmods ?? [], location) };
}

/** @throws SqlError `invalid_table_definition` for what no column, and no field of a composite type, can be of. */
export function requireStorable(column: string, type: SqlType): void {
  const { kind, title } = typeInfo(type);
  if (kind === 'p') {
    throw new SqlError('invalid_table_definition', `column "${column}" has pseudo-type ${title}`);
  }
  refuseRowType(type);
}

/** Rows of a table as values would have to follow its changes. @throws SqlError `feature_not_supported`. */
export function refuseRowType(type: SqlType): void {
  const element = elementOf(type) ?? type;
  if (isRowType(element)) throw notSupported(`a column of the row type of table ${titleOf(element)}`);
}

/** NaN for what is no constant. @throws SqlError `invalid_text_representation` for one that is no number. */
function modifierNumber(node: Node, location: number | undefined): number {
  if ('A_Const' in node && node.A_Const.ival !== undefined) return node.A_Const.ival.ival ?? 0;
  const text =
    'A_Const' in node
      ? (node.A_Const.sval?.sval ?? node.A_Const.fval?.fval)
      : 'ColumnRef' in node && node.ColumnRef.fields?.length === 1
        ? stringsOf(node.ColumnRef.fields)[0]
        : undefined;
  if (text === undefined) return Number.NaN;
  if (/^\s*[+-]?\d+\s*$/.test(text)) return Number(text);
  throw new SqlError('invalid_text_representation', `invalid input syntax for type integer: "${text}"`, { location });
}

function modifierOf(type: ColumnType, nodes: readonly Node[], location: number | undefined): number {
  if (nodes.length === 0) return -1;
  if (!takesModifier(type)) {
    const title = type.startsWith('user:') ? titleOf(type) : type;
    throw new SqlError('syntax_error', `type modifier is not allowed for type "${title}"`, { location });
  }
  const numbers = nodes.map((node) => modifierNumber(node, location));
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
  if ((type === 'bit' || type === 'varbit') && nodes.length === 1) {
    if (first < 1) {
      throw new SqlError('invalid_parameter_value', `length for type ${type} must be at least 1`, { location });
    }
    if (first > BITS_MAX) {
      throw new SqlError('invalid_parameter_value', `length for type ${type} cannot exceed ${BITS_MAX}`, { location });
    }
    return first;
  }
  if (type === 'numeric' && nodes.length <= 2) {
    if (first < 1 || first > 1_000) {
      throw new SqlError('invalid_parameter_value', `NUMERIC precision ${first} must be between 1 and 1000`, {
        location,
      });
    }
    if (second < -1_000 || second > 1_000) {
      throw new SqlError('invalid_parameter_value', `NUMERIC scale ${second} must be between -1000 and 1000`, {
        location,
      });
    }
    return ((first << 16) | (second & 0x7ff)) + 4;
  }
  if (type === 'interval') return intervalModifier(numbers, location);
  if ((type === 'timestamp' || type === 'timestamptz' || type === 'time' || type === 'timetz') && nodes.length === 1) {
    const title = `${type.startsWith('timestamp') ? 'TIMESTAMP' : 'TIME'}(${first})${type.endsWith('tz') ? ' WITH TIME ZONE' : ''}`;
    if (first < 0) {
      throw new SqlError('invalid_parameter_value', `${title} precision must not be negative`, { location });
    }
    // PostgreSQL warns, and takes the highest there is.
    return Math.min(first, 6);
  }
  const message = type === 'numeric' ? 'invalid NUMERIC type modifier' : 'invalid type modifier';
  throw new SqlError('invalid_parameter_value', message, { location });
}

function takesModifier(type: ColumnType): boolean {
  return (
    type === 'varchar' ||
    type === 'bpchar' ||
    type === 'numeric' ||
    type === 'interval' ||
    type.endsWith('bit') ||
    type.startsWith('time')
  );
}

/** The grammar gives the fields as a number, and behind it the precision. */
function intervalModifier(
  [range = 0x7fff, precision = 0xffff]: readonly number[],
  location: number | undefined,
): number {
  if (precision !== 0xffff && precision < 0) {
    throw new SqlError('invalid_parameter_value', `INTERVAL(${precision}) precision must not be negative`, {
      location,
    });
  }
  return ((range & 0x7fff) << 16) | (precision === 0xffff ? precision : Math.min(precision, 6));
}
