/**
 * Bound expressions as SQL text, in the form of PostgreSQL's ruleutils.c: every operator in parentheses, the types of
 * constants spelled out where the text alone would not tell. What pg_get_expr and error messages about indexes print.
 */

import type { Table } from '../../../models/relational/table.ts';
import { formatText } from '../types/text-form.ts';
import { UTC } from '../types/time-zone.ts';
import { type SqlType, titleOf } from '../types/types.ts';
import type { BoundExpression, BoundRows } from './bound.ts';

/** What an expression stands in: decides whether it needs parentheses in the pretty form. */
type Parent = 'none' | 'operator' | 'and' | 'or' | 'not' | 'cast';

export interface DeparseStyle {
  /** Whose rows the expression reads. */
  readonly table?: Pick<Table, 'columns'> | undefined;
  /** What the places of a row are called, where it is not the row of one table. */
  readonly names?: ((index: number) => string) | undefined;
  /** Only those parentheses that are needed, as ruleutils.c prints for people. */
  readonly pretty?: boolean | undefined;
  /** Types as they are named from where the text is read; by their bare names otherwise. */
  readonly titles?: ((type: SqlType) => string) | undefined;
  /** What a subquery is called. */
  readonly subquery?: ((query: BoundRows) => string | undefined) | undefined;
}

export function deparse(expression: BoundExpression, style: DeparseStyle = {}, parent: Parent = 'none'): string {
  const { table, names, pretty = false, titles = titleOf, subquery } = style;
  const show = (each: BoundExpression, place: Parent): string => deparse(each, style, place);
  const list = (each: readonly BoundExpression[]): string => each.map((one) => show(one, 'none')).join(', ');
  const operator = (text: string): string =>
    pretty && parent !== 'operator' && parent !== 'cast' ? text : `(${text})`;
  if (expression.spelled !== undefined) return expression.spelled;
  switch (expression.kind) {
    case 'constant':
      return deparseConstant(expression, titles);
    case 'slot':
      return `$${expression.slot}`;
    case 'subquery':
      return subquery?.(expression.query) ?? '(SubPlan)';
    case 'column':
      if (names !== undefined) return names(expression.index);
      return quoteName(table?.columns[expression.index]?.name ?? `column${expression.index + 1}`);
    case 'parameter':
      return `$${expression.index + 1}`;
    case 'call': {
      const { name } = expression.function;
      if (name === '::') return `${show(expression.args[0]!, 'cast')}::${titles(expression.type)}`;
      if (name === 'array') return `ARRAY[${list(expression.args)}]`;
      if (name === 'row') return `ROW(${list(expression.args)})`;
      if (/^[a-z_]/i.test(name)) return `${quoteName(name)}(${list(expression.args)})`;
      const [first, second] = expression.args.map((each) => show(each, 'operator'));
      return operator(second === undefined ? `${name} ${first}` : `${first} ${name} ${second}`);
    }
    case 'compare':
      return operator(
        `${show(expression.left, 'operator')} ${expression.operator} ${show(expression.right, 'operator')}`,
      );
    case 'distinct': {
      const not = expression.negated ? 'NOT ' : '';
      return operator(
        `${show(expression.left, 'operator')} IS ${not}DISTINCT FROM ${show(expression.right, 'operator')}`,
      );
    }
    case 'and':
    case 'or': {
      const { kind } = expression;
      const text = expression.args.map((each) => show(each, kind)).join(kind === 'and' ? ' AND ' : ' OR ');
      const plain = pretty && (parent === 'none' || parent === 'or' || (parent === 'and' && kind === 'and'));
      return plain ? text : `(${text})`;
    }
    case 'not':
      return pretty && ['none', 'and', 'or'].includes(parent)
        ? `NOT ${show(expression.arg, 'not')}`
        : `(NOT ${show(expression.arg, 'not')})`;
    case 'isNull':
      return operator(`${show(expression.arg, 'operator')} IS ${expression.negated ? 'NOT ' : ''}NULL`);
    case 'isBoolean': {
      const value = expression.value ? 'TRUE' : 'FALSE';
      return operator(`${show(expression.arg, 'operator')} IS ${expression.negated ? 'NOT ' : ''}${value}`);
    }
    case 'case': {
      const whens = expression.whens.map(
        ({ condition, result }) => `WHEN ${show(condition, 'none')} THEN ${show(result, 'none')}`,
      );
      return `CASE ${whens.join(' ')} ELSE ${show(expression.otherwise, 'none')} END`;
    }
    case 'coalesce':
      return `COALESCE(${list(expression.args)})`;
    case 'extreme':
      return `${expression.greatest ? 'GREATEST' : 'LEAST'}(${list(expression.args)})`;
    case 'nullIf': {
      const { condition, value } = expression;
      if (condition.kind !== 'compare') return show(value, parent);
      return `NULLIF(${show(value, 'none')}, ${show(condition.right, 'none')})`;
    }
    case 'cast': {
      if (expression.unspoken === true) return show(expression.arg, parent);
      // Integers widen without a word.
      if (expression.type === 'int8' && expression.arg.kind === 'constant' && expression.arg.type === 'int4') {
        return show(expression.arg, parent);
      }
      const arg = show(expression.arg, 'cast');
      const wrapped = pretty || isWrapped(expression.arg) ? arg : `(${arg})`;
      return `${wrapped}::${titles(expression.type)}`;
    }
    case 'applyModifier':
      return show(expression.arg, parent);
    default:
      return '…';
  }
}

/** Whether the expression prints in parentheses of its own. */
function isWrapped(expression: BoundExpression): boolean {
  if (expression.kind === 'call') return !/^[a-z_]/i.test(expression.function.name);
  return ['compare', 'distinct', 'and', 'or', 'not', 'isNull', 'isBoolean'].includes(expression.kind);
}

function deparseConstant(
  { type, value }: Extract<BoundExpression, { kind: 'constant' }>,
  titles: (type: SqlType) => string,
): string {
  if (value === null) return type === 'unknown' ? 'NULL' : `NULL::${titles(type)}`;
  if (type === 'bool') return value === true ? 'true' : 'false';
  const text = type === 'unknown' ? String(value) : formatText(type, value, { zone: UTC });
  if (type === 'int4' && !text.startsWith('-')) return text;
  if (type === 'numeric' && /^\d*\.\d+$/.test(text)) return text;
  return `${quoteText(text)}::${titles(type)}`;
}

/** Backslashes stand for themselves: standard_conforming_strings is on. */
function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

const RESERVED = new Set(
  (
    'all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast ' +
    'char character check coalesce collate collation column concurrently constraint create cross current_catalog ' +
    'current_date current_role current_schema current_time current_timestamp current_user dec decimal default deferrable ' +
    'desc distinct do else end except exists extract false fetch float for foreign freeze from full grant greatest group ' +
    'grouping having ilike in initially inner inout int integer intersect interval into is isnull join lateral leading ' +
    'least left like limit localtime localtimestamp national natural nchar none normalize not notnull null nullif numeric ' +
    'offset on only or order out outer overlaps overlay placing position precision primary real references returning ' +
    'right row select session_user setof similar smallint some substring symmetric table tablesample then time timestamp ' +
    'to trailing treat trim true union unique user using values varchar variadic verbose when where window with xmlattributes ' +
    'xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable'
  ).split(' '),
);

/** As quote_ident. */
export function quoteName(name: string): string {
  if (/^[a-z_][a-z0-9_]*$/.test(name) && !RESERVED.has(name)) return name;
  return `"${name.replaceAll('"', '""')}"`;
}
