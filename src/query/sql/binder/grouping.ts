/**
 * What a grouped query may say: expressions over the row of a group, which holds the values that the query is grouped by
 * and then the results of the aggregates. Whatever else names a column is an error, unless the grouping holds the primary
 * key of the table, which decides all its columns (PostgreSQL's parse_agg.c).
 */

import { SqlError } from '../sql-error.ts';
import { type BoundExpression, mapOperands, sameExpression } from './bound.ts';
import { entryAt, type Scope, type ScopeEntry } from './expression-binder.ts';

export class Grouping {
  /** Grows by columns that the primary key decides. */
  readonly keys: BoundExpression[];
  readonly #scope: Scope | undefined;
  /** Tables whose primary key is among the keys. */
  readonly #decided: readonly ScopeEntry[];

  constructor(keys: readonly BoundExpression[], scope: Scope | undefined) {
    this.keys = [...keys];
    this.#scope = scope;
    this.#decided = (scope ?? []).filter(({ table, offset }) => {
      const { primaryKey } = table.table;
      const isKey = (position: number) => keys.some((key) => key.kind === 'column' && key.index === offset + position);
      return primaryKey.length > 0 && primaryKey.every(isKey);
    });
  }

  /** Finds every column that the expression will need. @throws SqlError `grouping_error`. */
  check(expression: BoundExpression): void {
    if (this.#keyOf(expression) >= 0) return;
    if (expression.kind !== 'column') {
      mapOperands(expression, (operand) => {
        this.check(operand);
        return operand;
      });
      return;
    }
    if (expression.aggregate === true) return;
    const entry = entryAt(this.#scope!, expression.index);
    if (this.#decided.includes(entry)) {
      this.keys.push(expression);
      return;
    }
    const { table, alias, offset } = entry;
    throw new SqlError(
      'grouping_error',
      `column "${alias}.${table.table.columns[expression.index - offset]!.name}" must appear in the GROUP BY clause or be used in an aggregate function`,
      { location: expression.location },
    );
  }

  /** The expression over the row of a group. To be called when everything was checked. */
  rewrite(expression: BoundExpression): BoundExpression {
    const key = this.#keyOf(expression);
    const { type, modifier, location } = expression;
    if (key >= 0) return { kind: 'column', type, modifier, location, index: key };
    if (expression.kind !== 'column') return mapOperands(expression, (operand) => this.rewrite(operand));
    return { kind: 'column', type, modifier, location, index: this.keys.length + expression.index };
  }

  #keyOf(expression: BoundExpression): number {
    return this.keys.findIndex((key) => sameExpression(key, expression));
  }
}
