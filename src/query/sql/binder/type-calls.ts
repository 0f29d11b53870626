/** The functions that a type of ranges brings with it: they make ranges of bounds, and multiranges of ranges. */

import { type FunctionDefinition, FunctionDirectory } from '../functions/definition.ts';
import { multirangeConstructorsOf } from '../functions/multirange-functions.ts';
import { constructorsOf } from '../functions/range-functions.ts';
import { type SqlType, typeInfo } from '../types/types.ts';

/** Those under the name of the type itself. */
export function constructorsNamed(type: SqlType): readonly FunctionDefinition[] {
  const { kind, element } = typeInfo(type);
  if (kind !== 'r' && kind !== 'm') return [];
  const table = kind === 'r' ? constructorsOf(type) : multirangeConstructorsOf(element!);
  const { name } = typeInfo(type);
  return new FunctionDirectory([table]).named(type).map((each) => ({ ...each, name }));
}
