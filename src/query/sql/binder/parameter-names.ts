/**
 * Names of parameters in the statements of a function: `parameter`, `function.parameter`, either with a field behind. They
 * are what a name is that is of no column in sight (PostgreSQL's functions.c: sql_fn_post_column_ref).
 */

import { SqlError } from '../sql-error.ts';
import { baseOf, typeInfo } from '../types/types.ts';
import { bindField } from './bind-array.ts';
import type { BoundExpression } from './bound.ts';
import type { BindContext } from './query-context.ts';

type Named = NonNullable<BindContext['named']>;

/** @throws what `column` throws, where there is no such parameter either. */
export function columnOrParameter(
  named: Named,
  names: readonly string[],
  location: number | undefined,
  column: () => BoundExpression,
): BoundExpression {
  try {
    return column();
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    if (error.condition !== 'undefined_column' && error.condition !== 'undefined_table') throw error;
    const found = namedParameter(named, names, location);
    if (found === undefined) throw error;
    return found;
  }
}

/** The parameter, or the field of one, that the names mean. */
export function namedParameter(
  { function: title, parameters }: Named,
  names: readonly string[],
  location: number | undefined,
): BoundExpression | undefined {
  const find = (name: string | undefined): BoundExpression | undefined => {
    const index = parameters.findIndex((each) => each.name === name);
    if (name === undefined || index < 0) return undefined;
    return { kind: 'parameter', type: parameters[index]!.type, modifier: -1, location, index };
  };
  const own = names.length > 1 && names[0] === title ? find(names[1]) : undefined;
  const found = own ?? find(names[0]);
  const [field, ...others] = names.slice(own === undefined ? 1 : 2);
  if (found === undefined || field === undefined) return found;
  const isField = typeInfo(baseOf(found.type)).fields?.some(({ name }) => name === field) === true;
  return isField && others.length === 0 ? bindField(found, field) : undefined;
}
