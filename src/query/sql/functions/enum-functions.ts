/** What is known of the labels of an enum (manual, 9.10). The argument's type tells which; its value may be null. */

import type { ColumnType } from '../../../models/relational/table.ts';
import { SqlArray } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { baseOf, type SqlType, titleOf, typeInfo } from '../types/types.ts';
import type { FunctionTable } from './definition.ts';

function labelsOf(type: SqlType): readonly string[] {
  const { labels } = typeInfo(baseOf(type));
  if (labels !== undefined) return labels;
  throw new SqlError('feature_not_supported', 'could not determine actual enum type');
}

function oneOf(type: SqlType, at: number): string {
  const label = labelsOf(type).at(at);
  if (label !== undefined) return label;
  throw new SqlError('object_not_in_prerequisite_state', `enum ${titleOf(type)} contains no values`);
}

/** Labels from one to another; null is the first, or the last. */
function rangeOf(type: SqlType, from: string | null, to: string | null): SqlArray {
  const labels = labelsOf(type);
  const first = from === null ? 0 : labels.indexOf(from);
  const last = to === null ? labels.length : labels.indexOf(to) + 1;
  return new SqlArray(baseOf(type) as ColumnType, labels.slice(first, Math.max(first, last)));
}

export const ENUM_FUNCTIONS: FunctionTable = {
  'enum_first(anyenum) anyenum stable called': {
    build:
      ([type]) =>
      () =>
        oneOf(type!, 0),
  },
  'enum_last(anyenum) anyenum stable called': {
    build:
      ([type]) =>
      () =>
        oneOf(type!, -1),
  },
  'enum_range(anyenum) anyarray stable called': {
    build:
      ([type]) =>
      () =>
        rangeOf(type!, null, null),
  },
  'enum_range(anyenum, anyenum) anyarray stable called': {
    build:
      ([type]) =>
      (from: string | null, to: string | null) =>
        rangeOf(type!, from, to),
  },
};
