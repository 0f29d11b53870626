/**
 * What a grouped query may say: expressions over the row of a group, which holds the values that the query is grouped by
 * and then the results of the aggregates. Whatever else names a column is an error, unless the grouping holds the primary
 * key of the table, which decides all its columns (PostgreSQL's parse_agg.c).
 */

import { SqlError } from '../sql-error.ts';
import { type BoundExpression, mapOperands, sameExpression } from './bound.ts';
import type { Scope } from './expression-binder.ts';

export class Grouping {
  /** Grows by columns that the primary key decides. */
  readonly keys: BoundExpression[];
  readonly #scope: Scope | undefined;
  readonly #decidesAll: boolean;

  constructor(keys: readonly BoundExpression[], scope: Scope | undefined) {
    this.keys = [...keys];
    this.#scope = scope;
    const primaryKey = scope?.table.table.primaryKey ?? [];
    this.#decidesAll =
      primaryKey.length > 0 &&
      primaryKey.every((position) => keys.some((key) => key.kind === 'column' && key.index === position));
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
    if (this.#decidesAll) {
      this.keys.push(expression);
      return;
    }
    const { table, alias } = this.#scope!;
    throw new SqlError(
      'grouping_error',
      `column "${alias}.${table.table.columns[expression.index]!.name}" must appear in the GROUP BY clause or be used in an aggregate function`,
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
