/** What the rows of the system catalog are made of. */

import type { EvaluationContext } from '../functions/evaluation.ts';
import type { CatalogObjects } from './catalog-objects.ts';

/** A row by the names of its columns; what is left out is zero, false or null, as the column's type has it. */
export type SystemRow = Readonly<Record<string, unknown>>;
export type SystemRows = (objects: CatalogObjects, context: EvaluationContext) => Iterable<SystemRow>;
