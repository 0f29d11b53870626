/**
 * Runs the statements of functions one after another (PostgreSQL's functions.c), each in the transaction of the statement
 * that calls, with its plan kept like any other. Each sees what those before it have written, those of a volatile function
 * what the statement around has written so far; a function that is not sees what that statement sees.
 */

import { assert } from '../../base/assert.ts';
import { isPromise } from '../../base/awaitable.ts';
import type { UserFunction } from '../../models/relational/function-definition.ts';
import { type BodyStatement, statementsOf } from './binder/body-statements.ts';
import type { EvaluationContext } from './functions/evaluation.ts';
import { MemoryBudget } from './operators/memory-budget.ts';
import type { ExecutionRow } from './operators/operator.ts';
import type { ParsedStatement } from './parser/parser.ts';
import type { Plan } from './planner/plan.ts';
import { closeRunning, pump } from './portal.ts';
import type { SessionContext } from './session-context.ts';
import { SqlError } from './sql-error.ts';
import { PlanOutdated, type StatementRunner } from './statement-runner.ts';
import type { SqlValue } from './types/types.ts';

/** A statement of a function, and what a row of it comes to where that is known. */
export interface BodyPart {
  readonly statement: ParsedStatement;
  readonly isLast: boolean;
  value: BodyStatement['value'];
}

export class FunctionBodies {
  readonly #session: SessionContext;
  readonly #runner: StatementRunner;
  readonly #parts = new WeakMap<UserFunction, readonly BodyPart[]>();
  /** How many calls run inside of each other. */
  #depth = 0;

  constructor(session: SessionContext, runner: StatementRunner) {
    this.#session = session;
    this.#runner = runner;
  }

  /** @returns its value, or the values of its set. @throws SqlError of any of its statements, told of with the function. */
  async call(
    definition: UserFunction,
    args: readonly SqlValue[],
    context: EvaluationContext,
  ): Promise<SqlValue | readonly SqlValue[]> {
    const { expressionDepthMax } = this.#session.engine.limits;
    if (this.#depth >= expressionDepthMax) {
      throw new SqlError('statement_too_complex', 'stack depth limit exceeded', {
        hint: `Functions call each other at most ${expressionDepthMax} deep.`,
      });
    }
    this.#depth++;
    try {
      let values: SqlValue[] = [];
      for (const part of this.#partsOf(definition)) values = await this.#run(definition, part, args, context);
      return definition.returnsSet ? values : (values[0] ?? null);
    } finally {
      this.#depth--;
    }
  }

  #partsOf(definition: UserFunction): readonly BodyPart[] {
    let parts = this.#parts.get(definition);
    if (parts === undefined) {
      const statements = statementsOf(definition);
      parts = statements.map((node, index) => ({
        statement: { node, text: '', index, isKept: true },
        isLast: index === statements.length - 1,
        value: undefined,
      }));
      this.#parts.set(definition, parts);
    }
    return parts;
  }

  async #run(
    definition: UserFunction,
    part: BodyPart,
    args: readonly SqlValue[],
    context: EvaluationContext,
  ): Promise<SqlValue[]> {
    try {
      for (let attempt = 1; ; attempt++) {
        const plan = await this.#runner.planBody(definition, part);
        if (definition.volatility !== 'volatile' && plan.modifies) {
          const message = `${plan.refusedAs ?? plan.verb} is not allowed in a non-volatile function`;
          throw new SqlError('feature_not_supported', message);
        }
        try {
          return await this.#runPlan(plan, part, args, context, definition.volatility === 'volatile');
        } catch (error) {
          if (!(error instanceof PlanOutdated) || attempt >= this.#session.engine.limits.attemptsMax) throw error;
        }
      }
    } catch (error) {
      if (error instanceof SqlError) {
        // Its place is one in the body.
        error.location = -1;
        const where = `SQL function "${definition.name}" statement ${part.statement.index + 1}`;
        error.where = error.where === undefined ? where : `${error.where}\n${where}`;
      }
      throw error;
    }
  }

  async #runPlan(
    plan: Plan,
    { value, isLast }: BodyPart,
    args: readonly SqlValue[],
    context: EvaluationContext,
    isVolatile: boolean,
  ): Promise<SqlValue[]> {
    const opened = this.#runner.open(plan, args, false, context, isVolatile ? undefined : context.frozen);
    const running = isPromise(opened) ? await opened : opened;
    const budget = new MemoryBudget('the result of a function', running.execution);
    const values: SqlValue[] = [];
    const take = (row: ExecutionRow): void => {
      budget.take(row);
      assert(value !== undefined, 'a statement whose rows are looked at');
      values.push(value(row));
    };
    try {
      const done = pump(running, 0, this.#session.interrupts, (batch) => {
        if (isLast && value !== undefined) for (const row of batch) take(row);
      });
      if (isPromise(done)) await done;
      await this.#session.engine.sequences.settled();
      return values;
    } finally {
      budget.clear();
      closeRunning(running);
    }
  }
}
