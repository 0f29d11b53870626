/** Which rows of a relation of the system catalog a query asks for. */

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

  admitsRow(row: Readonly<Record<string, unknown>>): boolean {
    for (const [column, values] of this.#values) {
      const value = row[column];
      if (value !== undefined && !values.has(value)) return false;
    }
    return true;
  }
}
