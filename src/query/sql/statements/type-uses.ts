/** What uses a type: columns, other types, fields of them; and the names that statements call types by. */

import type { Node } from '@pgsql/types';
import type { Table } from '../../../models/relational/table.ts';
import type { TypeDefinition } from '../../../models/relational/type-definition.ts';
import { stringsOf } from '../binder/names.ts';
import { type SqlType, typeInfo } from '../types/types.ts';

/** A column that has values of a type. */
export interface Dependent {
  readonly table: Table;
  readonly position: number;
}

/** Whether values of a column's type are values of `type`, or arrays of them. */
export function isOf(columnType: SqlType, type: SqlType): boolean {
  return columnType === type || columnType === `_${type}`;
}

/** A multirange is a part of its range, and uses nothing. */
export function directlyUses(other: TypeDefinition, type: SqlType): boolean {
  if (other.kind === 'domain') return isOf(other.base, type);
  if (other.kind === 'range') return isOf(other.subtype, type);
  return other.kind === 'composite' && other.fields.some((field) => isOf(field.type, type));
}

/** Whether values of `whole` are, or hold, values of `part`. */
export function contains(whole: SqlType, part: SqlType): boolean {
  if (whole === part) return true;
  if (!whole.includes('user:')) return false;
  const { element, base, fields } = typeInfo(whole);
  return [element, base, ...(fields ?? []).map((field) => field.type)].some((type) => type && contains(type, part));
}

export function namesOf(object: Node | undefined): readonly string[] {
  if (object === undefined) return [];
  if ('TypeName' in object) return stringsOf(object.TypeName.names);
  return 'List' in object ? stringsOf(object.List.items) : [];
}
