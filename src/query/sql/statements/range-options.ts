/** What CREATE TYPE … AS RANGE says of the type (PostgreSQL's DefineRange). */

import type { Node } from '@pgsql/types';
import type { ColumnType } from '../../../models/relational/table.ts';
import { collationOfType, isCollatable, requireCollation } from '../binder/collations.ts';
import { namedType, nameOfList, type QualifiedName, stringsOf } from '../binder/names.ts';
import { objectName } from '../object-names.ts';
import { defaultOperatorClass, requireOperatorClass } from '../operator-classes.ts';
import { SqlError, withoutPlace } from '../sql-error.ts';
import { type SqlType, typeInfo } from '../types/types.ts';

export interface RangeOptions {
  readonly subtype: ColumnType;
  /** Undefined where nothing is said. */
  readonly multirange: QualifiedName | undefined;
  /** A function that tells how far two bounds are apart; searches that would ask for it are not here. */
  readonly difference: QualifiedName | undefined;
  /** Undefined where it is the type's own. */
  readonly operatorClass: string | undefined;
  readonly collation: string | undefined;
}

/** @throws SqlError of any kind that they can be wrong in. */
export function rangeOptions(params: readonly Node[]): RangeOptions {
  const given = new Map<string, Node | undefined>();
  for (const param of params) {
    if (!('DefElem' in param)) continue;
    const { defname = '', arg, location } = param.DefElem;
    if (!ATTRIBUTES.has(defname)) throw new SqlError('syntax_error', `type attribute "${defname}" not recognized`);
    if (given.has(defname)) throw new SqlError('syntax_error', 'conflicting or redundant options', { location });
    given.set(defname, arg);
  }
  if (given.has('canonical')) {
    // Such a function would be of the type that is not there yet.
    const message = 'cannot specify a canonical function without a pre-created shell type';
    const hint =
      'Create the type as a shell type, then create its canonicalization function, then do a full CREATE TYPE.';
    throw new SqlError('invalid_object_definition', message, { hint });
  }
  const named = given.get('subtype');
  if (named === undefined || !('TypeName' in named)) {
    throw new SqlError('syntax_error', 'type attribute "subtype" is required');
  }
  const { type: subtype } = namedType(named.TypeName);
  const { kind, title } = typeInfo(subtype);
  if (kind === 'p') throw new SqlError('datatype_mismatch', `range subtype cannot be ${title}`);
  const ordered = nameIn(given.get('subtype_opclass'));
  const chosen = ordered === undefined ? undefined : requireOperatorClass(ordered.name, subtype);
  if (chosen === undefined && defaultOperatorClass(subtype) === undefined) {
    const message = `data type ${title} has no default operator class for access method "btree"`;
    throw new SqlError('undefined_object', message, {
      hint: 'You must specify an operator class for the range type or define a default operator class for the subtype.',
    });
  }
  const collation = rangeCollation(given.get('collation'), subtype);
  return {
    subtype: subtype as ColumnType,
    multirange: nameIn(given.get('multirange_type_name')),
    difference: nameIn(given.get('subtype_diff')),
    operatorClass: chosen?.isDefault === false ? chosen.name : undefined,
    collation: collation === collationOfType(subtype) ? undefined : collation,
  };
}

const ATTRIBUTES: ReadonlySet<string> = new Set([
  'subtype',
  'subtype_opclass',
  'collation',
  'canonical',
  'subtype_diff',
  'multirange_type_name',
]);

function namesIn(arg: Node | undefined): readonly Node[] | undefined {
  if (arg === undefined) return undefined;
  if ('TypeName' in arg) return arg.TypeName.names;
  if ('List' in arg) return arg.List.items;
  return [arg];
}

function nameIn(arg: Node | undefined): QualifiedName | undefined {
  const names = namesIn(arg);
  return names === undefined ? undefined : nameOfList(stringsOf(names));
}

function rangeCollation(arg: Node | undefined, subtype: SqlType): string | undefined {
  const names = namesIn(arg);
  if (names === undefined) return undefined;
  if (!isCollatable(subtype)) {
    const message = 'range collation specified but subtype does not support collation';
    throw new SqlError('wrong_object_type', message);
  }
  return withoutPlace(() => requireCollation(names));
}

/** The multirange type of a range type that names none. */
export function multirangeName(range: string): string {
  return range.includes('range')
    ? objectName(range.replace('range', 'multirange'), '', '')
    : objectName(range, 'multirange', '');
}
