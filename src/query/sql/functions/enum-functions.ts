/** What is known of the labels of an enum (manual, 9.10). The argument's type tells which; its value may be null. */

import type { ColumnType } from '../../../models/relational/table.ts';
import { SqlArray } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { refuseNewLabel } from '../types/enum-labels.ts';
import type { SeenLabel } from '../types/timestamptz.ts';
import { baseOf, type SqlType, titleOf, typeInfo } from '../types/types.ts';
import type { FunctionTable, RunContext } from './definition.ts';

/** In order, those among them that are not to be used yet. */
function labelsOf(type: SqlType, { names }: RunContext): readonly SeenLabel[] {
  const base = baseOf(type);
  const { labels } = typeInfo(base);
  if (labels === undefined) throw new SqlError('feature_not_supported', 'could not determine actual enum type');
  return names?.labelsOf?.(base) ?? labels.map((label) => ({ ...label, isNew: false }));
}

function usable(type: SqlType, label: SeenLabel): string {
  refuseNewLabel(baseOf(type), label);
  return label.value;
}

function oneOf(type: SqlType, at: number, context: RunContext): string {
  const label = labelsOf(type, context).at(at);
  if (label !== undefined) return usable(type, label);
  throw new SqlError('object_not_in_prerequisite_state', `enum ${titleOf(type)} contains no values`);
}

/** Labels from one to another; null is the first, or the last. */
function rangeOf(type: SqlType, from: string | null, to: string | null, context: RunContext): SqlArray {
  const labels = labelsOf(type, context);
  const placeOf = (wanted: string): number => labels.findIndex(({ value }) => value === wanted);
  const first = from === null ? 0 : placeOf(from);
  const last = to === null ? labels.length : placeOf(to) + 1;
  const within = labels.slice(first, Math.max(first, last)).map((label) => usable(type, label));
  return new SqlArray(baseOf(type) as ColumnType, within);
}

export const ENUM_FUNCTIONS: FunctionTable = {
  'enum_first(anyenum) anyenum stable called': {
    build:
      ([type]) =>
      (_: string | null, context: RunContext) =>
        oneOf(type!, 0, context),
  },
  'enum_last(anyenum) anyenum stable called': {
    build:
      ([type]) =>
      (_: string | null, context: RunContext) =>
        oneOf(type!, -1, context),
  },
  'enum_range(anyenum) anyarray stable called': {
    build:
      ([type]) =>
      (_: string | null, context: RunContext) =>
        rangeOf(type!, null, null, context),
  },
  'enum_range(anyenum, anyenum) anyarray stable called': {
    build:
      ([type]) =>
      (from: string | null, to: string | null, context: RunContext) =>
        rangeOf(type!, from, to, context),
  },
};
