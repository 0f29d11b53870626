/** What a statement drops. */

import type { Extension } from '../../../models/relational/extension-definition.ts';
import type { UserFunction } from '../../../models/relational/function-definition.ts';
import type { Schema } from '../../../models/relational/schema.ts';
import type { Sequence } from '../../../models/relational/sequence.ts';
import type { Check, ForeignKey, Index, Table } from '../../../models/relational/table.ts';
import type { TypeDefinition } from '../../../models/relational/type-definition.ts';
import { columnNames } from '../object-names.ts';

/** Something that goes. */
export type Doomed =
  | { readonly kind: 'table'; readonly table: Table }
  | { readonly kind: 'index'; readonly table: Table; readonly index: Index }
  | { readonly kind: 'sequence'; readonly sequence: Sequence }
  | { readonly kind: 'schema'; readonly schema: Schema }
  | { readonly kind: 'type'; readonly type: TypeDefinition }
  | { readonly kind: 'field'; readonly type: TypeDefinition & { readonly kind: 'composite' }; readonly field: number }
  | { readonly kind: 'function'; readonly definition: UserFunction }
  | { readonly kind: 'extension'; readonly extension: Extension }
  | { readonly kind: 'constraint'; readonly table: Table; readonly key: ForeignKey }
  | { readonly kind: 'check'; readonly table: Table; readonly check: Check }
  | { readonly kind: 'default' | 'column'; readonly table: Table; readonly column: number };

/** What goes with a table unmentioned. */
const PARTS_OF_TABLES: ReadonlySet<Doomed['kind']> = new Set(['constraint', 'check', 'default', 'column']);

/** Whether what goes is a part of something else that goes: nobody is told. */
export function isPartOf(part: Doomed, whole: Doomed): boolean {
  if (part.kind === 'field') return whole.kind === 'type' && whole.type.id === part.type.id;
  if (!('table' in part && 'table' in whole) || part.table.id !== whole.table.id) return false;
  if (whole.kind === 'table') return PARTS_OF_TABLES.has(part.kind);
  if (whole.kind !== 'column') return false;
  if (part.kind === 'default') return part.column === whole.column;
  const { name } = whole.table.columns[whole.column]!;
  return part.kind === 'check' && columnNames(part.check.expression.tree).has(name);
}

/** The table or type that an object is, or belongs to: `isPartOf` holds within one. */
export function ownerId(object: Doomed): number | undefined {
  if ('table' in object) return object.table.id;
  return 'type' in object ? object.type.id : undefined;
}

/** The same for the same object, whatever version of its definition is at hand. */
export function identity(object: Doomed): string {
  switch (object.kind) {
    case 'check':
      return `check ${object.table.id} ${object.check.name}`;
    case 'default':
    case 'column':
      return `${object.kind} ${object.table.id} ${object.column}`;
    case 'field':
      return `field ${object.type.id} ${object.field}`;
    default:
      return `${object.kind} ${idOf(object)}`;
  }
}

/** Newer ones have higher ids. */
export function idOf(object: Doomed): number {
  switch (object.kind) {
    case 'sequence':
      return object.sequence.id;
    case 'schema':
      return object.schema.id;
    case 'function':
      return object.definition.id;
    case 'extension':
      return object.extension.id;
    case 'type':
      return object.type.id;
    case 'field':
      return object.type.id;
    case 'index':
      return object.index.id;
    case 'constraint':
      return object.key.id;
    case 'check':
      return object.check.id;
    default:
      return object.table.id;
  }
}
