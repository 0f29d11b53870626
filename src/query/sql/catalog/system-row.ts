/** What the rows of the system catalog are made of, and which of them a query asks for. */

import type { EvaluationContext } from '../functions/evaluation.ts';
import type { CatalogObjects } from './catalog-objects.ts';

/** A row by the names of its columns; what is left out is zero, false or null, as the column's type has it. */
export type SystemRow = Readonly<Record<string, unknown>>;
/** @param wanted Rows that it does not admit may be left out: whatever makes them is spared that for most objects. */
export type SystemRows = (objects: CatalogObjects, context: EvaluationContext, wanted: Wanted) => Iterable<SystemRow>;

/** What columns must be equal to. */
export class Wanted {
  readonly #values = new Map<string, ReadonlySet<unknown>>();

  /** @param values Numbers and texts, as rows have them. */
  narrow(column: string, values: ReadonlySet<unknown>): void {
    const before = this.#values.get(column);
    const both = before === undefined ? values : new Set([...before].filter((each) => values.has(each)));
    this.#values.set(column, both);
  }

  /** False for a value that the column of no row in question has. */
  admits(column: string, value: unknown): boolean {
    return this.#values.size === 0 || this.#values.get(column)?.has(value) !== false;
  }

  admitsRow(row: SystemRow): boolean {
    for (const [column, values] of this.#values) {
      const value = row[column];
      if (value !== undefined && !values.has(value)) return false;
    }
    return true;
  }
}
