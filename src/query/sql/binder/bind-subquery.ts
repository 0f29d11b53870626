/** Binds subqueries in expressions: scalar ones, EXISTS, IN, and comparisons with ANY or ALL of a query's rows. */

import type { SubLink } from '@pgsql/types';
import { makeRecord } from '../functions/records.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { recordTypeOf } from '../types/record-types.ts';
import { arrayOf, baseOf, elementOf, type SqlType, titleOf } from '../types/types.ts';
import {
  BOOLEAN,
  type BoundColumn,
  type BoundExpression,
  type BoundRelation,
  type BoundRows,
  type BoundSelect,
  columnAt,
  leftmost,
} from './bound.ts';
import type { ExpressionBinder } from './expression-binder.ts';
import { stringsOf } from './names.ts';
import { nested, type QueryContext } from './query-context.ts';
import { compareRows } from './row-comparison.ts';
import { Frame, Scope } from './scope.ts';

/** @param place How messages name where it stands, if no query can stand there. */
export function bindSubLink(
  link: SubLink,
  binder: ExpressionBinder,
  context: QueryContext,
  scope: Scope | undefined,
): BoundExpression {
  const { subLinkType = 'EXPR_SUBLINK', subselect, testexpr, operName, location } = link;
  if (subselect === undefined || !('SelectStmt' in subselect)) throw notSupported('this subquery', location);
  const frame = new Frame(scope ?? new Scope(new Frame(undefined), []));
  const bind = (): BoundRows => nested(context, () => context.queries.bind(subselect.SelectStmt, context, frame));
  switch (subLinkType) {
    case 'EXISTS_SUBLINK':
      return subquery('exists', bind(), frame, BOOLEAN, location, [], undefined);
    case 'EXPR_SUBLINK': {
      const query = bind();
      const [first, ...others] = query.columns;
      if (first === undefined || others.length > 0) {
        throw new SqlError('syntax_error', 'subquery must return only one column', { location });
      }
      return subquery('scalar', query, frame, first.expression, location, [], undefined);
    }
    case 'ANY_SUBLINK':
    case 'ALL_SUBLINK':
    case 'ROWCOMPARE_SUBLINK': {
      const query = bind();
      const left =
        'RowExpr' in testexpr!
          ? (testexpr.RowExpr.args ?? []).map((arg) => binder.bindInside(arg))
          : [binder.bindInside(testexpr!)];
      if (query.columns.length !== left.length) {
        const many = query.columns.length > left.length ? 'many' : 'few';
        throw new SqlError('syntax_error', `subquery has too ${many} columns`, { location });
      }
      const name = stringsOf(operName).at(-1) ?? '=';
      const operands: BoundExpression[] = [];
      const pairs = left.map((operand, i) => {
        const { type, modifier } = query.columns[i]!.expression;
        const theirs = columnAt(left.length + i, { type, modifier });
        // A literal or parameter becomes what the query's column is; what is known stays as it is.
        const settled = binder.coerceUnknown(operand, type);
        operands.push(settled);
        return [columnAt(i, settled), theirs] as const;
      });
      const test = compareRows(name, pairs, location, (operator, one, other) =>
        binder.operator(operator, one, other, location),
      );
      if (test.type !== 'bool') {
        const message = `row comparison operator must yield type boolean, not type ${titleOf(test.type)}`;
        throw new SqlError('datatype_mismatch', message, { location });
      }
      const mode = subLinkType === 'ANY_SUBLINK' ? 'any' : subLinkType === 'ALL_SUBLINK' ? 'all' : 'row';
      return subquery(mode, query, frame, BOOLEAN, location, operands, test);
    }
    case 'ARRAY_SUBLINK': {
      const query = bind();
      const [first, ...others] = query.columns;
      if (first === undefined || others.length > 0) {
        throw new SqlError('syntax_error', 'subquery must return only one column', { location });
      }
      // Arrays become the elements of one with a dimension more.
      const element = first.expression.type === 'unknown' ? 'text' : first.expression.type;
      const type = elementOf(baseOf(element)) === undefined ? arrayOf(element) : baseOf(element);
      if (type === undefined) {
        const message = `could not find array type for data type ${titleOf(first.expression.type)}`;
        throw new SqlError('undefined_object', message, { location });
      }
      return subquery('array', query, frame, { ...first.expression, type }, location, [], undefined);
    }
    default:
      throw notSupported('this subquery', location);
  }
}

/** A query that is one record, and where its columns are in the text. */
export interface RowQuery {
  readonly value: BoundExpression;
  readonly places: readonly (number | undefined)[];
}

/** A query as one record of fields f1, f2, …, null where it has no row. @throws SqlError `syntax_error`. */
export function bindRowQuery(
  { subselect, location }: SubLink,
  columns: number,
  context: QueryContext,
  scope: Scope | undefined,
): RowQuery {
  if (subselect === undefined || !('SelectStmt' in subselect)) throw notSupported('this subquery', location);
  const frame = new Frame(scope ?? new Scope(new Frame(undefined), []));
  const query = nested(context, () => context.queries.bind(subselect.SelectStmt, context, frame));
  if (query.columns.length !== columns) {
    throw new SqlError('syntax_error', 'number of columns does not match number of values', { location });
  }
  const values = query.columns.map((column, i) => columnAt(i, column.expression));
  const types = values.map((value) => value.type);
  const type = recordTypeOf(
    values.map((value, i) => ({ name: `f${i + 1}`, type: value.type, modifier: value.modifier })),
  );
  const record: BoundExpression = {
    kind: 'call',
    type,
    modifier: -1,
    location,
    function: {
      name: 'row',
      arguments: types,
      result: type,
      strict: false,
      volatility: 'immutable',
      evaluate: (each) => makeRecord(types, each),
    },
    args: values,
  };
  const rows = selectFrom(query, [{ name: 'row', expression: record, origin: undefined }]);
  const value = subquery('scalar', rows, frame, { type, modifier: -1 }, location, [], undefined);
  return { value, places: query.columns.map(({ expression }) => leftmost(expression)) };
}

/** Other columns over the rows of a query. */
export function selectFrom(rows: BoundRows, columns: readonly BoundColumn[]): BoundSelect {
  return allOf({ kind: 'derived', alias: rows.kind === 'values' ? '*VALUES*' : '*SELECT*', query: rows }, columns);
}

/** Columns over all rows of a relation. */
export function allOf(from: BoundRelation | undefined, columns: readonly BoundColumn[]): BoundSelect {
  return {
    kind: 'select',
    from,
    where: undefined,
    grouping: undefined,
    windows: [],
    sets: [],
    distinct: false,
    distinctOn: undefined,
    columns,
    orderBy: [],
    limit: undefined,
    offset: undefined,
    withTies: false,
    locking: undefined,
  };
}

function subquery(
  mode: 'scalar' | 'array' | 'exists' | 'any' | 'all' | 'row',
  query: BoundRows,
  frame: Frame,
  { type, modifier }: { readonly type: SqlType; readonly modifier: number },
  location: number | undefined,
  operands: readonly BoundExpression[],
  test: BoundExpression | undefined,
): BoundExpression {
  const reads = [...frame.reads];
  return { kind: 'subquery', type, modifier, location, mode, query, args: frame.args, reads, operands, test };
}
