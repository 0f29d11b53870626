/** What the rows of the system catalog are made of. */

import type { EvaluationContext } from '../functions/evaluation.ts';
import type { Wanted } from '../wanted-rows.ts';
import type { CatalogObjects } from './catalog-objects.ts';

/** A row by the names of its columns; what is left out is zero, false or null, as the column's type has it. */
export type SystemRow = Readonly<Record<string, unknown>>;
/** @param wanted Rows that it does not admit may be left out: whatever makes them is spared that for most objects. */
export type SystemRows = (objects: CatalogObjects, context: EvaluationContext, wanted: Wanted) => Iterable<SystemRow>;
