/**
 * What a grouped query may say: expressions over the row of a group, which holds the values that the query is grouped by
 * and then the results of the aggregates. Whatever else names a column is an error, unless the grouping holds the primary
 * key of the table, which decides all its columns (PostgreSQL's parse_agg.c).
 */

import { SqlError } from '../sql-error.ts';
import { type BoundExpression, leftmost, mapOperands, sameExpression, someOperand } from './bound.ts';
import type { Scope, ScopeItem } from './scope.ts';

export class Grouping {
  /** Grows by columns that the primary key decides. */
  readonly keys: BoundExpression[];
  readonly #scope: Scope | undefined;
  /** Tables whose primary key is among the keys. */
  readonly #decided: ReadonlySet<ScopeItem>;
  /** How many results of aggregates follow the keys; known when all is checked. */
  readonly #aggregates: number;

  /** @param common Keys that are in every grouping set: a primary key among them decides the other columns of its table. */
  constructor(
    keys: readonly BoundExpression[],
    scope: Scope | undefined,
    aggregates: number,
    common: readonly BoundExpression[],
  ) {
    this.keys = [...keys];
    this.#scope = scope;
    this.#aggregates = aggregates;
    const isKey = (place: number) => common.some((key) => key.kind === 'column' && key.index === place);
    const decided = (scope?.items ?? []).filter(({ table, offset }) => {
      const primaryKey = table?.table.primaryKey ?? [];
      return primaryKey.length > 0 && primaryKey.every((position) => isKey(offset + position));
    });
    this.#decided = new Set(decided);
  }

  /** Finds every column that the expression will need. @throws SqlError `grouping_error`. */
  check(expression: BoundExpression): void {
    this.#check(expression, false);
  }

  /** As `check`, of what an ordered-set aggregate is told beside the values that it orders. */
  checkDirect(expression: BoundExpression): void {
    try {
      this.#check(expression, false);
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      const detail = 'Direct arguments of an ordered-set aggregate must use only grouped columns.';
      throw new SqlError(error.condition, error.message, { location: error.location, detail });
    }
  }

  /** The expression over the row of a group. To be called when everything was checked. */
  rewrite(expression: BoundExpression): BoundExpression {
    const { type, modifier, location } = expression;
    if (expression.kind === 'column' && expression.computed !== undefined) {
      if (expression.computed === 'aggregate') {
        return { kind: 'column', type, modifier, location, index: this.keys.length + expression.index };
      }
      if (expression.computed === 'grouping') {
        const index = this.keys.length + this.#aggregates + expression.index;
        return { kind: 'column', type, modifier, location, index };
      }
      if (expression.computed !== 'set') return expression;
    }
    const key = this.#keyOf(expression);
    if (key >= 0) return { kind: 'column', type, modifier, location, index: key };
    return mapOperands(expression, (operand) => this.rewrite(operand));
  }

  /** Whether it is, as a whole, what the query is grouped by. */
  isKey(expression: BoundExpression): boolean {
    return this.#keyOf(expression) >= 0;
  }

  /** The place of an argument of GROUPING among the keys. @throws SqlError `grouping_error`. */
  requireKey(expression: BoundExpression, location: number | undefined): number {
    // A column of a query around is none of this one's keys, though it may be written among them.
    const key = expression.kind === 'slot' ? -1 : this.#keyOf(expression);
    if (key >= 0) return key;
    throw new SqlError(
      'grouping_error',
      'arguments to GROUPING must be grouping expressions of the associated query level',
      { location: leftmost(expression) ?? location },
    );
  }

  #check(expression: BoundExpression, inSubquery: boolean): void {
    if (this.#keyOf(expression) >= 0) return;
    if (expression.kind !== 'column') {
      if (expression.kind === 'subquery') {
        for (const operand of expression.operands) this.#check(operand, inSubquery);
        for (const { value } of expression.args) this.#check(value, true);
        return;
      }
      someOperand(expression, (operand) => {
        this.#check(operand, inSubquery);
        return false;
      });
      return;
    }
    if (expression.computed !== undefined) return;
    const item = this.#scope!.itemAt(expression.index);
    if (item !== undefined && this.#decided.has(item)) {
      this.keys.push(expression);
      return;
    }
    const name = this.#scope!.nameAt(expression.index);
    throw new SqlError(
      'grouping_error',
      inSubquery
        ? `subquery uses ungrouped column "${name}" from outer query`
        : `column "${name}" must appear in the GROUP BY clause or be used in an aggregate function`,
      { location: expression.location },
    );
  }

  #keyOf(expression: BoundExpression): number {
    return this.keys.findIndex((key) => sameExpression(key, expression));
  }
}
