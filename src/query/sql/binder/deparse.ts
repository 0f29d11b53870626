/**
 * Bound expressions as SQL text, in the form of PostgreSQL's ruleutils.c: every operator in parentheses, the types of
 * constants spelled out where the text alone would not tell. What pg_get_expr and error messages about indexes print.
 */

import type { Table } from '../../../models/relational/table.ts';
import { SqlArray } from '../../../models/relational/values.ts';
import { formatText } from '../types/text-form.ts';
import { UTC } from '../types/time-zone.ts';
import type { ObjectNames } from '../types/timestamptz.ts';
import {
  arrayOf,
  castPath,
  elementOf,
  isRowType,
  type SqlType,
  titleOf,
  titleWithModifier,
  typeInfo,
} from '../types/types.ts';
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
  /** What objects of the catalog are called, for constants that are their numbers. */
  readonly objects?: ObjectNames | undefined;
  /** Functions that users defined, likewise, by their ids. */
  readonly callees?: ((id: number) => string | undefined) | undefined;
  /** Lists of constants as the one array that a plan has made of them. */
  readonly folded?: boolean | undefined;
  /** What a subquery is called. */
  readonly subquery?: ((query: BoundRows) => string | undefined) | undefined;
}

export function deparse(expression: BoundExpression, style: DeparseStyle = {}, parent: Parent = 'none'): string {
  const { table, names, pretty = false, titles = titleOf, subquery } = style;
  const show = (each: BoundExpression, place: Parent): string => deparse(each, style, place);
  const list = (each: readonly BoundExpression[]): string => each.map((one) => show(one, 'none')).join(', ');
  const operator = (text: string): string =>
    pretty && parent !== 'operator' && parent !== 'cast' ? text : `(${text})`;
  if (expression.collated !== undefined) {
    const { collated, ...bare } = expression;
    return operator(`${show(bare as BoundExpression, 'operator')} COLLATE ${quoteName(collated.name)}`);
  }
  if (expression.spelled !== undefined) return expression.spelled;
  switch (expression.kind) {
    case 'constant':
      return deparseConstant(expression, titles, style.objects);
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
      if (name === '::') return `${show(expression.args[0]!, 'cast')}::${titleOfCast(expression.type, -1, titles)}`;
      const syntax = deparseSyntax(expression, show, titles);
      if (syntax !== undefined)
        return syntax.isTest && !(pretty && parent === 'none') ? `(${syntax.text})` : syntax.text;
      // What makes ranges is found where their type is.
      const words = expression.inWords === true ? deparseWords(expression, show) : undefined;
      if (words !== undefined) return words;
      if (isConstructor(expression)) return `${titles(expression.type)}(${list(expression.args)})`;
      if (/^[a-z_]/i.test(name)) {
        const { id = expression.function.runs?.id } = expression.function;
        const callee = (id === undefined ? undefined : style.callees?.(id)) ?? quoteName(name);
        const shown = expression.args.slice(0, expression.given).map((each) => show(each, 'none'));
        if (expression.spreads === true) shown.push(`VARIADIC ${shown.pop()}`);
        return `${callee}(${shown.join(', ')})`;
      }
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
      const list = expression.listed === true ? deparseList(expression.args, kind, style) : undefined;
      if (list !== undefined) return pretty && parent === 'none' ? list : `(${list})`;
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
      if (expression.unspoken === true) return show(expression.arg, parent === 'none' ? 'operator' : parent);
      // Integers widen without a word.
      if (expression.type === 'int8' && expression.arg.kind === 'constant' && expression.arg.type === 'int4') {
        return show(expression.arg, parent);
      }
      const arg = show(expression.arg, 'cast');
      const wrapped = pretty ? arg : `(${arg})`;
      const text = `${wrapped}::${titleOfCast(expression.type, -1, titles)}`;
      // What reads the text of an operator's value, or takes it as it is, is no simpler than the operator.
      const isBare = castPath(expression.arg.type, expression.type, 'explicit') !== 'function';
      return pretty && isBare && arg.startsWith('(') && parent === 'operator' ? `(${text})` : text;
    }
    case 'applyModifier': {
      if (!expression.explicit) return show(expression.arg, parent);
      const { type, modifier } = expression;
      // One cast wrote both the type and its modifier.
      const { arg: inner } =
        expression.arg.kind === 'cast' && expression.arg.type === type ? expression.arg : expression;
      const isConstant = inner.kind === 'constant' && inner.type === type;
      const arg = isConstant ? bareConstant(inner) : show(inner, 'cast');
      const wrapped = pretty || isConstant ? arg : `(${arg})`;
      return `${wrapped}::${titleOfCast(type, modifier, titles)}`;
    }
    default:
      return '…';
  }
}

type Show = (expression: BoundExpression, place: Parent) => string;

/** What a cast to the type is written as: without a modifier some of SQL's own names mean one. */
function titleOfCast(type: SqlType, modifier: number, titles: (type: SqlType) => string): string {
  if (modifier >= 0) return titleWithModifier(type, modifier);
  const element = elementOf(type);
  if (element !== undefined && type.startsWith('_')) return `${titleOfCast(element, -1, titles)}[]`;
  return type === 'bpchar' ? 'bpchar' : type === 'bit' ? '"bit"' : titles(type);
}

/** Calls in the words that SQL has for them (ruleutils.c, get_func_sql_syntax). */
function deparseWords(
  { function: { name }, args }: Extract<BoundExpression, { kind: 'call' }>,
  show: Show,
): string | undefined {
  const [a, b, c, d] = args.map((arg) => show(arg, 'none'));
  const word = (arg: BoundExpression | undefined): string =>
    arg?.kind === 'constant' && arg.value !== null ? String(arg.value) : '';
  switch (name) {
    case 'timezone':
      return args.length === 2
        ? `(${show(args[1]!, 'operator')} AT TIME ZONE ${show(args[0]!, 'operator')})`
        : undefined;
    case 'overlaps':
      return `((${a}, ${b}) OVERLAPS (${c}, ${d}))`;
    case 'extract':
      return `EXTRACT(${word(args[0])} FROM ${b})`;
    case 'is_normalized':
      return `(${show(args[0]!, 'operator')} IS ${b === undefined ? '' : `${word(args[1])} `}NORMALIZED)`;
    case 'normalize':
      return `NORMALIZE(${a}${b === undefined ? '' : `, ${word(args[1])}`})`;
    case 'overlay':
      return `OVERLAY(${a} PLACING ${b} FROM ${c}${d === undefined ? '' : ` FOR ${d}`})`;
    case 'position':
      return `POSITION((${b}) IN (${a}))`;
    case 'substring':
      if (args[1]!.type !== 'int4') return undefined;
      return `SUBSTRING(${a} FROM ${b}${c === undefined ? '' : ` FOR ${c}`})`;
    case 'btrim':
    case 'ltrim':
    case 'rtrim': {
      const side = name === 'btrim' ? 'BOTH' : name === 'ltrim' ? 'LEADING' : 'TRAILING';
      return `TRIM(${side}${b === undefined ? '' : ` ${b}`} FROM ${a})`;
    }
    default:
      return undefined;
  }
}

function isConstructor({ function: { name }, type }: Extract<BoundExpression, { kind: 'call' }>): boolean {
  if (!type.startsWith('user:')) return false;
  const { kind, name: own } = typeInfo(type);
  return (kind === 'r' || kind === 'm') && name === own;
}

type Syntax = 'call' | 'operator' | 'array' | 'row' | 'field' | 'subscript' | 'quantified' | 'nullTest';

/** How a call is written. What is no call in SQL has a name from the binder that no function has. */
function syntaxOf(name: string): Syntax {
  if (name === 'array' || name === 'row') return name;
  if (/^subscript(?: |$)/.test(name)) return 'subscript';
  if (/^\.[^.]/.test(name)) return 'field';
  if (/ (?:any|all)$/.test(name)) return 'quantified';
  if (/^is (?:not )?null$/.test(name)) return 'nullTest';
  return /^[a-z_]/i.test(name) ? 'call' : 'operator';
}

/** Parts of arrays and rows, and tests of them; undefined for what is written as a call or an operator. */
function deparseSyntax(
  { function: { name }, args, type }: Extract<BoundExpression, { kind: 'call' }>,
  show: Show,
  titles: (type: SqlType) => string,
): { readonly text: string; readonly isTest: boolean } | undefined {
  const list = (): string => args.map((each) => show(each, 'none')).join(', ');
  switch (syntaxOf(name)) {
    case 'array':
      // Nothing in it tells what it is of.
      return { text: args.length === 0 ? `ARRAY[]::${titles(type)}` : `ARRAY[${list()}]`, isTest: false };
    case 'row': {
      // A whole row, as it is named in the text: by the relation, where the columns are.
      const first = isRowType(type) && args[0] !== undefined ? show(args[0], 'none') : '';
      const relation = /^(.*)\.[^.]*$/s.exec(first);
      const text = relation === null ? `ROW(${list()})` : `${relation[1]}.*`;
      return { text, isTest: false };
    }
    case 'field':
      return { text: `(${list()}).${quoteName(name.slice(1))}`, isTest: false };
    case 'subscript':
      return { text: deparseSubscript(name, args, show), isTest: false };
    case 'quantified': {
      const [, operator, quantifier] = /^(.*) (any|all)$/.exec(name)!;
      const [left, right] = [show(args[0]!, 'operator'), show(args[1]!, 'none')];
      return { text: `${left} ${operator} ${quantifier!.toUpperCase()} (${right})`, isTest: true };
    }
    case 'nullTest':
      return { text: `${show(args[0]!, 'operator')} ${name.toUpperCase()}`, isTest: true };
    default:
      return undefined;
  }
}

/** The name tells behind `subscript` of which subscripts are slices, and which of their bounds are given. */
function deparseSubscript(name: string, [value, ...rest]: readonly BoundExpression[], show: Show): string {
  const of = value!.kind === 'column' ? show(value!, 'none') : `(${show(value!, 'none')})`;
  const shapes = name === 'subscript' ? rest.map(() => 'i') : name.slice('subscript '.length).split(',');
  const next = (): string => show(rest.shift()!, 'none');
  const places = shapes.map((shape) => {
    if (shape === 'i') return `[${next()}]`;
    const lower = shape.startsWith('l') ? next() : '';
    return `[${lower}:${shape.endsWith('u') ? next() : ''}]`;
  });
  return `${of}${places.join('')}`;
}

/** `IN (…)` of constants, which PostgreSQL keeps as one test. */
function deparseList(tests: readonly BoundExpression[], kind: 'and' | 'or', style: DeparseStyle): string | undefined {
  const items: Extract<BoundExpression, { kind: 'constant' }>[] = [];
  for (const test of tests) {
    if (test.kind !== 'compare' || test.right.kind !== 'constant') return undefined;
    items.push(test.right);
  }
  const [first] = tests;
  if (first?.kind !== 'compare') return undefined;
  const { type } = items[0]!;
  const array = arrayOf(type);
  const isFolded = style.folded === true && array !== undefined && items.every((item) => item.type === type);
  const list = isFolded
    ? deparseConstant(
        {
          ...items[0]!,
          type: array,
          value: new SqlArray(
            type as SqlArray['element'],
            items.map(({ value }) => value),
          ),
        },
        style.titles ?? titleOf,
      )
    : `ARRAY[${items.map((item) => deparse(item, style)).join(', ')}]`;
  const quantifier = kind === 'or' ? 'ANY' : 'ALL';
  return `${deparse(first.left, style, 'operator')} ${first.operator} ${quantifier} (${list})`;
}

/** Whether it is the row of a relation, which stands for its columns where a list of columns is asked for. */
export function isWholeRow(expression: BoundExpression): boolean {
  return expression.kind === 'call' && expression.function.name === 'row' && isRowType(expression.type);
}

/** Whether a call of that name is written as a call. */
export function isPlainCall(name: string): boolean {
  return syntaxOf(name) === 'call';
}

function deparseConstant(
  { type, value, isUntyped }: Extract<BoundExpression, { kind: 'constant' }>,
  titles: (type: SqlType) => string,
  objects?: DeparseStyle['objects'],
): string {
  if (isUntyped === true) return value === null ? 'NULL::unknown' : quoteText(String(value));
  if (value === null) return type === 'unknown' ? 'NULL' : `NULL::${titleOfCast(type, -1, titles)}`;
  if (type === 'bool') return value === true ? 'true' : 'false';
  const text = type === 'unknown' ? String(value) : formatText(type, value, { zone: UTC, names: objects });
  if (type === 'int4' && !text.startsWith('-')) return text;
  if (type === 'numeric' && /^\d*\.\d+$/.test(text)) return text;
  return `${quoteText(text)}::${titleOfCast(type, -1, titles)}`;
}

/** A constant for a cast that says its type. */
function bareConstant({ type, value }: Extract<BoundExpression, { kind: 'constant' }>): string {
  if (value === null) return 'NULL';
  const text = formatText(type, value, { zone: UTC });
  return type === 'numeric' && /^\d*\.\d+$/.test(text) ? text : quoteText(text);
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
