/**
 * Types that users define: enums, domains, composite types and ranges. Documented in docs/formats/relational.md.
 *
 *   {prefix}/catalog/ ('type', id)  -> definition as JSON
 *
 * Tables refer to such a type by `type`, a string that no other definition in any store has: it names the type in memory,
 * where definitions of several stores may meet. What rows and keys hold of its values follows from `defineStorage`.
 */

import { type Bytes, text, utf8 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import { defineEnum, type EnumLabel } from './enums.ts';
import { defineKeyForm } from './keys.ts';
import type { ColumnType, SqlExpression, TableId } from './table.ts';
import { defineForm, formOf } from './value-codec.ts';

export interface DomainCheck {
  readonly id: TableId;
  readonly name: string;
  /** Of the column `value`. */
  readonly expression: SqlExpression;
  /** NOT VALID: values that were there before it were never looked at. */
  readonly notValid?: boolean;
  readonly comment?: string;
}

export interface TypeField {
  readonly name: string;
  readonly type: ColumnType;
  readonly modifier: number;
  /** As of a column. */
  readonly collation?: string;
}

interface Shared {
  readonly id: TableId;
  readonly arrayId: TableId;
  readonly type: `user:${string}`;
  readonly name: string;
  /** Id of its schema; undefined in `public`. */
  readonly schema?: number;
  readonly comment?: string;
}

export interface EnumType extends Shared {
  readonly kind: 'enum';
  /** In order. */
  readonly labels: readonly (EnumLabel & { readonly oid: TableId })[];
}

export interface DomainType extends Shared {
  readonly kind: 'domain';
  readonly base: ColumnType;
  readonly modifier: number;
  /** COLLATE, unless it is that of `base`. */
  readonly collation?: string;
  readonly notNull: boolean;
  readonly default?: SqlExpression;
  readonly checks: readonly DomainCheck[];
}

export interface CompositeType extends Shared {
  readonly kind: 'composite';
  readonly fields: readonly TypeField[];
}

export interface RangeType extends Shared {
  readonly kind: 'range';
  readonly subtype: ColumnType;
  /** Of several of them; it has a definition of its own. */
  readonly multirange: `user:${string}`;
  /** SUBTYPE_DIFF, and SUBTYPE_OPCLASS where it is not the type's own. Kept for the catalog only. */
  readonly difference?: { readonly schema?: string; readonly name: string };
  readonly operatorClass?: string;
  /** COLLATION, unless it is that of `subtype`. Kept for the catalog only. */
  readonly collation?: string;
}

export interface MultirangeType extends Shared {
  readonly kind: 'multirange';
  readonly range: `user:${string}`;
}

export type TypeDefinition = EnumType | DomainType | CompositeType | RangeType | MultirangeType;

export function typeKey(keyspace: Keyspace, id: TableId): Key {
  return keyspace.catalog.key(['type', BigInt(id)]);
}

export function typesRange(keyspace: Keyspace): KeyRange {
  return keyspace.catalog.range(['type']);
}

const FORMAT = 1;

export function encodeType(definition: TypeDefinition): Bytes {
  return utf8(JSON.stringify({ format: FORMAT, ...definition }));
}

/** @throws OperationError `corruption`, `store_format`. */
export function decodeType(bytes: Bytes): TypeDefinition {
  let stored: Record<string, unknown>;
  try {
    stored = JSON.parse(text(bytes)) as Record<string, unknown>;
  } catch (error) {
    throw new OperationError('corruption', 'the definition of a type is no JSON', { cause: error });
  }
  const { format, ...definition } = stored;
  if (format !== FORMAT) {
    throw new OperationError('store_format', `the definition of a type has format ${String(format)}, not ${FORMAT}`);
  }
  return definition as unknown as TypeDefinition;
}

/** Says how rows and keys hold values of the type; again after it was altered. Types it is made of come first. */
export function defineStorage(definition: TypeDefinition): void {
  const { type } = definition;
  switch (definition.kind) {
    case 'enum':
      defineEnum(type, definition.labels);
      defineForm(type, { enum: type });
      defineKeyForm(type, 'enum');
      return;
    case 'domain':
      defineForm(type, formOf(definition.base));
      defineKeyForm(type, { base: definition.base });
      return;
    case 'composite': {
      const record = definition.fields.map((field) => field.type);
      defineForm(type, { record });
      defineKeyForm(type, { record });
      return;
    }
    case 'range':
      defineForm(type, { range: definition.subtype });
      defineKeyForm(type, { range: definition.subtype });
      return;
    case 'multirange':
      defineForm(type, { array: definition.range });
      defineKeyForm(type, { array: definition.range });
  }
}
