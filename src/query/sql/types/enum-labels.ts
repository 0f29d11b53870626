/**
 * Labels of enums as text: what a transaction has added is not to be used before it has committed (PostgreSQL's
 * check_safe_enum_use), what it has renamed has its new name at once.
 */

import { SqlError } from '../sql-error.ts';
import type { ObjectNames, TimeContext } from './timestamptz.ts';
import { baseOf, type KnownLabel, type SqlType, titleOf, typeInfo } from './types.ts';

/** @throws SqlError `unsafe_new_enum_value_usage`. */
export function refuseNewLabel(
  type: SqlType,
  label: { readonly name: string; readonly isNew?: boolean } | undefined,
): void {
  if (label?.isNew !== true) return;
  throw new SqlError(
    'unsafe_new_enum_value_usage',
    `unsafe use of new value "${label.name}" of enum type ${titleOf(type)}`,
    { hint: 'New enum values must be committed before they can be used.' },
  );
}

/**
 * The value of an enum that a text names; undefined for none. In definitions labels are known by the names that they had as well.
 * @throws SqlError `unsafe_new_enum_value_usage`.
 */
export function labelValue(type: SqlType, text: string, { names, isStored }: TimeContext): string | undefined {
  const changed = names?.labelsOf?.(type);
  const labels: readonly (KnownLabel & { readonly isNew?: boolean })[] = changed ?? typeInfo(type).labels ?? [];
  const label = labels.find(({ name, former }) => name === text || (isStored === true && former.includes(text)));
  refuseNewLabel(type, label);
  return label?.value;
}

/** What a value of an enum, or of a domain over one, is called; any other text as it is. */
export function labelName(type: SqlType, value: string, names: ObjectNames | undefined): string {
  const base = baseOf(type);
  const changed = names?.labelsOf?.(base);
  if (changed !== undefined) return changed.find((label) => label.value === value)?.name ?? value;
  return typeInfo(base).renamed?.get(value) ?? value;
}
