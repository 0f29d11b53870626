/**
 * Bound expressions as SQL text, in the form of PostgreSQL's ruleutils.c: every operator in parentheses, the types of
 * constants spelled out where the text alone would not tell. What pg_get_expr and error messages about indexes print.
 */

import type { Table } from '../../../models/relational/table.ts';
import { formatText } from '../types/text-form.ts';
import { UTC } from '../types/time-zone.ts';
import { titleOf } from '../types/types.ts';
import type { BoundExpression } from './bound.ts';

/** @param table Whose rows the expression reads. */
export function deparse(expression: BoundExpression, table: Pick<Table, 'columns'> | undefined): string {
  const show = (each: BoundExpression): string => deparse(each, table);
  switch (expression.kind) {
    case 'constant':
      return deparseConstant(expression);
    case 'column':
      return quoteName(table?.columns[expression.index]?.name ?? `column${expression.index + 1}`);
    case 'parameter':
      return `$${expression.index + 1}`;
    case 'call': {
      const { name } = expression.function;
      const args = expression.args.map(show);
      if (/^[a-z_]/i.test(name)) return `${quoteName(name)}(${args.join(', ')})`;
      return args.length === 1 ? `(${name} ${args[0]})` : `(${args[0]} ${name} ${args[1]})`;
    }
    case 'compare':
      return `(${show(expression.left)} ${expression.operator} ${show(expression.right)})`;
    case 'distinct':
      return `(${show(expression.left)} IS ${expression.negated ? 'NOT ' : ''}DISTINCT FROM ${show(expression.right)})`;
    case 'and':
    case 'or':
      return `(${expression.args.map(show).join(expression.kind === 'and' ? ' AND ' : ' OR ')})`;
    case 'not':
      return `(NOT ${show(expression.arg)})`;
    case 'isNull':
      return `(${show(expression.arg)} IS ${expression.negated ? 'NOT ' : ''}NULL)`;
    case 'isBoolean':
      return `(${show(expression.arg)} IS ${expression.negated ? 'NOT ' : ''}${expression.value ? 'TRUE' : 'FALSE'})`;
    case 'case': {
      const whens = expression.whens.map(({ condition, result }) => `WHEN ${show(condition)} THEN ${show(result)}`);
      return `CASE ${whens.join(' ')} ELSE ${show(expression.otherwise)} END`;
    }
    case 'coalesce':
      return `COALESCE(${expression.args.map(show).join(', ')})`;
    case 'extreme':
      return `${expression.greatest ? 'GREATEST' : 'LEAST'}(${expression.args.map(show).join(', ')})`;
    case 'nullIf': {
      const { condition, value } = expression;
      return condition.kind === 'compare' ? `NULLIF(${show(value)}, ${show(condition.right)})` : show(value);
    }
    case 'cast':
      return `(${show(expression.arg)})::${titleOf(expression.type)}`;
    case 'applyModifier':
      return show(expression.arg);
    default:
      return '…';
  }
}

function deparseConstant({ type, value }: Extract<BoundExpression, { kind: 'constant' }>): string {
  if (value === null) return type === 'unknown' ? 'NULL' : `NULL::${titleOf(type)}`;
  if (type === 'bool') return value === true ? 'true' : 'false';
  const text = type === 'unknown' ? String(value) : formatText(type, value, { zone: UTC });
  if (type === 'int4' && !text.startsWith('-')) return text;
  if (type === 'numeric' && /^\d*\.\d+$/.test(text)) return text;
  return `${quoteText(text)}::${titleOf(type)}`;
}

export function quoteText(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
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
