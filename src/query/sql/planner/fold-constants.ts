/**
 * Computes, once per plan, what depends on nothing but constants (after PostgreSQL's eval_const_expressions).
 *
 * A constant part that fails, fails the statement, whether or not a row would ever have asked for it: `1 / 0` in a query
 * over an empty table is an error. Parts that constants rule out are not looked at: an arm of CASE that cannot be reached,
 * what follows the deciding operand of AND and OR, what follows the first certain value of COALESCE. A strict function of
 * a null is null, whatever its other arguments.
 */

import { unreachable } from '../../../base/assert.ts';
import {
  type BoundCte,
  type BoundExpression,
  type BoundModify,
  type BoundQuery,
  type BoundRelation,
  type BoundRows,
  type BoundSelect,
  type BoundWhen,
  mapOperands,
} from '../binder/bound.ts';
import { mapExpressions, mapResult } from '../binder/map-result.ts';
import type { EvaluationContext } from '../functions/evaluation.ts';
import type { TimeContext } from '../types/timestamptz.ts';
import { type SqlType, type SqlValue, typeInfo } from '../types/types.ts';
import { compileExpression } from './compile-expression.ts';
import { isInlined, pulledUp } from './pull-up.ts';
import { readsCte, slotsReadBy } from './subquery-forms.ts';

type Constant = Extract<BoundExpression, { kind: 'constant' }>;

/** All expressions of a query folded. @throws SqlError of the functions that are computed. */
export function foldQuery(query: BoundQuery, time: TimeContext): BoundQuery {
  return new Folding(time).query(query);
}

export function foldConstants(expression: BoundExpression, time: TimeContext): BoundExpression {
  return new Folding(time).fold(expression);
}

class Folding {
  readonly #time: TimeContext;
  /** A WITH was met: its queries are read inside of it and nowhere else. */
  #hasWith = false;
  readonly fold: (expression: BoundExpression) => BoundExpression;

  constructor(time: TimeContext) {
    this.#time = time;
    this.fold = (expression) => this.#expression(expression);
  }

  /**
   * All expressions of a query folded, and simple queries in FROM pulled up (pull-up.ts) before that, so that what nobody looks
   * at is not computed here either. @throws SqlError of the functions that are computed.
   */
  query(query: BoundQuery): BoundQuery {
    const { fold } = this;
    switch (query.kind) {
      case 'insert':
        return {
          ...query,
          source: this.#rows(query.source),
          assignments: mapExpressions(query.assignments, fold),
          conflicts: query.conflicts && {
            ...query.conflicts,
            update: query.conflicts.update && {
              assignments: mapExpressions(query.conflicts.update.assignments, fold),
              where: query.conflicts.update.where && fold(query.conflicts.update.where),
              shown: query.conflicts.update.shown.map((each) => ({ ...each, condition: fold(each.condition) })),
            },
          },
          returning: query.returning && mapExpressions(query.returning, fold),
        };
      case 'update':
        return {
          ...query,
          from: query.from && this.#relation(query.from),
          assignments: mapExpressions(query.assignments, fold),
          where: query.where && fold(query.where),
          returning: query.returning && mapExpressions(query.returning, fold),
        };
      case 'delete':
        return {
          ...query,
          from: query.from && this.#relation(query.from),
          where: query.where && fold(query.where),
          returning: query.returning && mapExpressions(query.returning, fold),
        };
      case 'merge':
        return {
          ...query,
          source: this.#relation(query.source),
          condition: fold(query.condition),
          actions: query.actions.map((each) => ({
            ...each,
            condition: each.condition && fold(each.condition),
            assignments: mapExpressions(each.assignments, fold),
          })),
        };
      case 'explain':
        return { ...query, query: this.query(query.query) };
      case 'call':
        return { ...query, query: this.#rows(query.query) as BoundSelect };
      case 'modifyWith':
        this.#ctes(query.ctes);
        return { ...query, modify: this.query(query.modify) as BoundModify };
      default:
        return this.#rows(query);
    }
  }

  /** What reads a query of WITH knows it by its object: that stays. */
  #ctes(ctes: readonly BoundCte[]): void {
    this.#hasWith = true;
    for (const cte of ctes) {
      // What nobody reads is never computed, so it may not fail here either.
      if (cte.references === 0 && cte.modify === undefined) continue;
      // One that is planned where it is read may lose columns there.
      if (cte.query !== undefined && !isInlined(cte)) cte.query = this.#rows(cte.query);
      if (cte.modify !== undefined) cte.modify = this.query(cte.modify) as BoundModify;
      if (cte.recursion !== undefined) {
        cte.recursion = { ...cte.recursion, query: this.#rows(cte.recursion.query) };
      }
    }
  }

  #rows(rows: BoundRows): BoundRows {
    const query = rows.kind === 'select' ? pulledUp(rows) : rows;
    const { fold } = this;
    switch (query.kind) {
      case 'select':
        return {
          ...query,
          from: query.from && this.#relation(query.from),
          where: query.where && fold(query.where),
          grouping: query.grouping && {
            ...query.grouping,
            groupBy: query.grouping.groupBy?.map(fold),
            aggregates: query.grouping.aggregates.map((each) => ({
              ...each,
              argument: each.argument && fold(each.argument),
              filter: each.filter && fold(each.filter),
              orderBy: mapExpressions(each.orderBy, fold),
            })),
            having: query.grouping.having && fold(query.grouping.having),
          },
          windows: query.windows.map(({ window, calls }) => ({
            window: {
              ...window,
              partitionBy: window.partitionBy.map(fold),
              orderBy: mapExpressions(window.orderBy, fold),
            },
            calls: calls.map((call) => ({
              ...call,
              args: call.args.map(fold),
              filter: call.filter && fold(call.filter),
            })),
          })),
          sets: query.sets.map((set) => ({ ...set, args: set.args.map(fold) })),
          distinctOn: query.distinctOn?.map(fold),
          ...mapResult(query, fold),
          limit: query.limit && fold(query.limit),
          offset: query.offset && fold(query.offset),
        };
      case 'values':
        return { ...query, rows: query.rows.map((row) => row.map(fold)) };
      case 'setOperation':
        return { ...query, inputs: query.inputs.map((input) => this.#rows(input)) };
      case 'with':
        this.#ctes(query.ctes);
        return { ...query, query: this.#rows(query.query) };
      default:
        return unreachable(query);
    }
  }

  #relation(relation: BoundRelation): BoundRelation {
    const { fold } = this;
    switch (relation.kind) {
      case 'scan':
        return relation;
      case 'cte':
        if (!isInlined(relation.cte)) return relation;
        return { kind: 'derived', alias: relation.alias, query: this.#rows(relation.cte.query!) };
      case 'function':
        return {
          ...relation,
          functions: relation.functions.map((set) => ({
            ...set,
            args: set.args.map(fold),
          })),
        };
      case 'derived':
        return { ...relation, query: this.#rows(relation.query) };
      case 'join':
        return {
          ...relation,
          left: this.#relation(relation.left),
          right: this.#relation(relation.right),
          condition: relation.condition && fold(relation.condition),
        };
      default:
        return unreachable(relation);
    }
  }

  #expression(expression: BoundExpression): BoundExpression {
    const { fold } = this;
    switch (expression.kind) {
      case 'constant':
      case 'column':
      case 'parameter':
      case 'slot':
        return expression;
      case 'subquery': {
        const { args, reads } = expression;
        const query = this.#rows(expression.query);
        // What a query in WITH reads of rows further out, its readers read once it stands in their place.
        const slots = this.#hasWith && readsCte(expression.query) ? slotsReadBy(query) : [];
        return {
          ...expression,
          query,
          reads: slots.length === 0 ? reads : [...new Set([...reads, ...args.map(({ slot }) => slot), ...slots])],
          operands: expression.operands.map(fold),
          test: expression.test && fold(expression.test),
        };
      }
      case 'and':
      case 'or': {
        const decisive = expression.kind === 'or';
        const args: BoundExpression[] = [];
        for (const arg of expression.args) {
          const folded = fold(arg);
          if (folded.kind === 'constant' && folded.value === decisive) return constant(expression, decisive);
          if (folded.kind === 'constant' && folded.value === !decisive) continue;
          args.push(folded);
        }
        if (args.length === 0) return constant(expression, !decisive);
        if (args.every(isNullConstant)) return constant(expression, null);
        if (args.length === 1) return args[0]!;
        return areSame(args, expression.args) ? expression : { ...expression, args };
      }
      case 'case': {
        const whens: BoundWhen[] = [];
        for (const when of expression.whens) {
          const { condition, result } = when;
          const folded = fold(condition);
          if (folded.kind !== 'constant') {
            const value = fold(result);
            const isSame = folded === condition && value === result;
            whens.push(isSame ? when : { condition: folded, result: value });
            continue;
          }
          if (folded.value !== true) continue;
          const certain = fold(result);
          return whens.length === 0 ? certain : { ...expression, whens, otherwise: certain };
        }
        const otherwise = fold(expression.otherwise);
        if (whens.length === 0) return otherwise;
        const isSame = otherwise === expression.otherwise && areSame(whens, expression.whens);
        return isSame ? expression : { ...expression, whens, otherwise };
      }
      case 'coalesce': {
        const args: BoundExpression[] = [];
        for (const arg of expression.args) {
          const folded = fold(arg);
          if (isNullConstant(folded)) continue;
          args.push(folded);
          if (isConstant(folded)) break;
        }
        if (args.length === 0) return constant(expression, null);
        if (args.length === 1) return args[0]!;
        return areSame(args, expression.args) ? expression : { ...expression, args };
      }
    }
    const folded = mapOperands(expression, fold);
    switch (folded.kind) {
      case 'call': {
        const { strict, volatility, runsQuery } = folded.function;
        if (strict && folded.args.some(isNullConstant)) return constant(folded, null);
        return volatility === 'immutable' && runsQuery !== true && folded.args.every(isConstant)
          ? computed(folded, this.#time)
          : folded;
      }
      case 'compare':
        if (isNullConstant(folded.left) || isNullConstant(folded.right)) return constant(folded, null);
        return isConstant(folded.left) && isConstant(folded.right) ? computed(folded, this.#time) : onDate(folded);
      case 'distinct':
        return isConstant(folded.left) && isConstant(folded.right) ? computed(folded, this.#time) : folded;
      case 'extreme':
        return folded.args.every(isConstant) ? computed(folded, this.#time) : folded;
      case 'nullIf':
        return isConstant(folded.condition) && isConstant(folded.value) ? computed(folded, this.#time) : folded;
      case 'cast': {
        if (isNullConstant(folded.arg)) return constant(folded, null);
        if (!isConstant(folded.arg)) return folded;
        // Text of a point in time depends on the zone, and the other way round.
        const isLocal = LOCAL_TIMES.has(folded.type) && LOCAL_TIMES.has(folded.arg.type);
        const depends = !isLocal && (isPointInTime(folded.type) || isPointInTime(folded.arg.type));
        return depends ? folded : computed(folded, this.#time);
      }
      case 'not':
      case 'isNull':
      case 'isBoolean':
      case 'applyModifier':
        return isConstant(folded.arg) ? computed(folded, this.#time) : folded;
      default:
        return folded;
    }
  }
}

function areSame(a: readonly object[], b: readonly object[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function constant({ type, modifier, location }: BoundExpression, value: SqlValue): Constant {
  return { kind: 'constant', type, modifier, location, value };
}

/** @throws SqlError of the function. */
function computed(expression: BoundExpression, time: TimeContext): Constant {
  return constant(expression, compileExpression(expression)([], constantContext(time)));
}

/** Between these a cast asks neither for the zone nor for a style. */
const LOCAL_TIMES: ReadonlySet<SqlType> = new Set<SqlType>(['date', 'timestamp', 'time', 'interval']);

/** Its text depends on the session's style and zone, or on now. */
function isPointInTime(type: SqlType): boolean {
  const { category, element } = typeInfo(type);
  if (element !== undefined) return isPointInTime(element);
  return category === 'D' || category === 'T' || type === 'bytea' || type.startsWith('reg') || type.startsWith('user:');
}

function isConstant(expression: BoundExpression): expression is Constant {
  return expression.kind === 'constant';
}

function isNullConstant(expression: BoundExpression): boolean {
  return expression.kind === 'constant' && expression.value === null;
}

/** The last one that was made: a statement asks for the same again and again. */
let contextOfLast: { readonly time: TimeContext; readonly context: EvaluationContext } | undefined;

/** What immutable functions may look at: nothing of the session. */
function constantContext(time: TimeContext): EvaluationContext {
  if (contextOfLast?.time !== time) {
    const context = {
      ...time,
      parameters: [],
      slots: [],
      statementMicros: time.nowMicros,
      clockMicros: () => time.nowMicros,
      session: { user: '', database: '', processId: 0, setting: () => undefined },
    };
    contextOfLast = { time, context };
  }
  return contextOfLast.context;
}

const DAY_MICROS = 86_400_000_000n;
const MIRRORED = { '=': '=', '<>': '<>', '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as const;

/**
 * A date compared with a point in time that is known, as a comparison of dates: `day < timestamp '2020-01-01 12:00'` is
 * `day <= date '2020-01-01'`. Nothing has to be converted for each row, and an index on the date can be used.
 */
function onDate(compare: Extract<BoundExpression, { kind: 'compare' }>): BoundExpression {
  const { left, right } = compare;
  if (left.kind === 'constant' && right.kind === 'cast') {
    return onDate({ ...compare, operator: MIRRORED[compare.operator], left: right, right: left });
  }
  if (left.kind !== 'cast' || left.type !== 'timestamp' || left.arg.type !== 'date' || right.kind !== 'constant') {
    return compare;
  }
  const { value } = right;
  if (typeof value !== 'bigint' || value >= INFINITY_MICROS || value <= -INFINITY_MICROS) return compare;
  let day = value / DAY_MICROS;
  const within = value - day * DAY_MICROS;
  if (within < 0n) day--;
  const isMidnight = within === 0n;
  const { operator } = compare;
  if (!isMidnight && (operator === '=' || operator === '<>')) return compare;
  const among = isMidnight ? operator : operator === '<' ? '<=' : operator === '>=' ? '>' : operator;
  return {
    ...compare,
    operator: among,
    left: left.arg,
    right: { ...right, type: 'date', value: Number(day) },
  };
}

/** Beyond all points in time that a date has. */
const INFINITY_MICROS = 9_000_000_000_000_000_000n;
