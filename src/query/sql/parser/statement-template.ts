/**
 * Query strings that differ in nothing but numbers are one statement with parameters: clients that write values into
 * their text are then parsed and planned once, like those that bind them.
 *
 * A text is cut at its unsigned integers and decimals (`1.5`, no exponents) without knowing SQL, which fails safe: a text
 * with quotes, comments, dollars or escapes is left alone. When the same rest comes for the second time (or for the first, as
 * long as most of its length do come again), its tree is taken, and literals become parameters of type integer or numeric where a
 * literal and a parameter of its type mean the same: operands of operators and functions, values of INSERT and UPDATE. Literals
 * anywhere else (positions in ORDER BY, LIMIT, type modifiers) stay part of the statement: a text that differs there is not of the
 * template. Where words tell that literals are such a part, they are not cut out, so that texts that differ there have a template each.
 *
 * A template and its plan are some 20 KB that outlive the collections of young objects, each of which copies them. To keep what
 * never comes again costs as much as it costs to plan it, so whether kinds come again is counted by their length: short ones
 * do, long ones are all different.
 */

import type { A_Const, Node } from '@pgsql/types';
import { LruCache } from '../../../base/lru-cache.ts';
import { objectList } from '../../../base/object-list.ts';
import { Numeric, parseNumeric } from '../../../models/relational/numeric.ts';
import type { SqlType } from '../types/types.ts';
import type { ParsedStatement } from './parser.ts';

const TEXT_CHARS_MAX = 2_000;
const LITERALS_MAX = 64;
const TEMPLATES_MAX = 2_000;
/** Kinds of texts are counted by their length, in steps of so many characters. */
const LENGTH_STEP = 16;
/** Of those of a length that came lately, so many are counted before the counts fade. */
const COUNTED_KINDS = 128;
/** So many of a length tell nothing of the next. */
const TELLING_KINDS = 32;
/** When more than this share of the kinds of a length comes again, the others will be thought to. */
const AGAIN_SHARE = 0.5;
/** int4's; larger literals have other types. */
const LITERAL_MAX = 2_147_483_647;
/** Stand for an integer and for a decimal in the rest of a text. */
const GAP = '\u0001';
const DECIMAL_GAP = '\u0002';

export interface TemplateMatch {
  readonly statement: ParsedStatement;
  /** Of each parameter. */
  readonly types: readonly SqlType[];
  readonly values: readonly (number | Numeric)[];
}

/** A literal as it stands in the text, without a sign: a decimal by its digits. */
type Literal = number | string;

interface Template {
  readonly statement: ParsedStatement;
  readonly types: readonly SqlType[];
  /** For each literal: the parameter that it gives, from 0, or what it must be. */
  readonly literals: readonly (
    | { readonly parameter: number; readonly negated: boolean }
    | { readonly fixed: Literal }
  )[];
  /** Texts of it that came after the first. */
  uses: number;
  /** How often it could not be planned. */
  refusals: number;
  /** Until that generation of the catalog its texts are taken as they are. */
  refusedUntil: number;
}

/** Kinds of texts of about one length that came lately, and those of them that came again. */
interface KindCounts {
  kinds: number;
  cameAgain: number;
}

export class StatementTemplates {
  /** By the rest of their texts; 'seen' once, or known to be 'none'. */
  readonly #templates = new LruCache<string, Template | 'seen' | 'none'>(TEMPLATES_MAX);
  readonly #cut = new CutText();
  /** By their length in steps. */
  readonly #counts: readonly KindCounts[] = Array.from({ length: TEXT_CHARS_MAX / LENGTH_STEP + 1 }, () => ({
    kinds: 0,
    cameAgain: 0,
  }));

  /**
   * The template that `text` is of, with its literals as values.
   * @param generation Of the catalog.
   * @param parse Gives the trees of the text, undefined when it cannot yet; called once for a kind of texts.
   */
  match(
    text: string,
    generation: number,
    parse: (text: string) => readonly ParsedStatement[] | undefined,
  ): TemplateMatch | undefined {
    const cut = this.#cut;
    if (text.length > TEXT_CHARS_MAX || !cut.read(text)) return undefined;
    const known = this.#templates.get(cut.rest);
    if (known === 'none') return undefined;
    const counts = this.#counts[Math.trunc(cut.rest.length / LENGTH_STEP)]!;
    if (typeof known === 'object') {
      if (known.uses++ === 0) counts.cameAgain++;
      return generation < known.refusedUntil ? undefined : filled(known, cut);
    }
    if (known === 'seen') {
      counts.cameAgain++;
      return this.#taken(text, 1, parse);
    }
    if (++counts.kinds === COUNTED_KINDS) {
      counts.kinds >>= 1;
      counts.cameAgain >>= 1;
    }
    if (counts.kinds >= TELLING_KINDS && counts.cameAgain > counts.kinds * AGAIN_SHARE) {
      return this.#taken(text, 0, parse);
    }
    this.#templates.set(cut.rest, 'seen');
    return undefined;
  }

  /** Makes a template of a text. @param uses How many texts of its kind came before. */
  #taken(
    text: string,
    uses: number,
    parse: (text: string) => readonly ParsedStatement[] | undefined,
  ): TemplateMatch | undefined {
    const cut = this.#cut;
    const { rest } = cut;
    const statements = parse(text);
    if (statements === undefined) return undefined;
    const template = statements.length === 1 ? templateOf(statements[0]!, text, cut, uses) : undefined;
    this.#templates.set(rest, template ?? 'none');
    return template && filled(template, cut);
  }

  /**
   * The statement cannot be planned with parameters, or not at all with the catalog of that generation: its texts are taken as
   * they are, until the catalog has changed, and each time twice as often.
   */
  refuse(text: string, generation: number): void {
    const known = this.#cut.read(text) ? this.#templates.get(this.#cut.rest) : undefined;
    if (typeof known === 'object') known.refusedUntil = generation + 2 ** known.refusals++;
  }
}

function filled({ statement, types, literals }: Template, cut: CutText): TemplateMatch | undefined {
  const values = new Array<number | Numeric>(types.length);
  for (let i = 0; i < literals.length; i++) {
    const literal = literals[i]!;
    const value = cut.values[i]!;
    if ('fixed' in literal) {
      if (literal.fixed !== value) return undefined;
    } else if (typeof value === 'number') {
      values[literal.parameter] = literal.negated ? 0 - value : value;
    } else {
      const decimal = parseNumeric(literal.negated ? `-${value}` : value);
      if (!(decimal instanceof Numeric)) return undefined;
      values[literal.parameter] = decimal;
    }
  }
  return { statement, types, values };
}

/** A text and its literals. */
class CutText {
  rest = '';
  count = 0;
  readonly values = objectList<Literal>();
  readonly starts: number[] = [];

  /** False for a text that is left alone. */
  read(text: string): boolean {
    let rest = '';
    let count = 0;
    let from = 0;
    let isInFixedClause = false;
    const { length } = text;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (isPartOfWord(code)) {
        // Digits within a word belong to it.
        const start = i;
        for (i++; i < length && (isPartOfWord(text.charCodeAt(i)) || isDigit(text.charCodeAt(i))); i++);
        isInFixedClause = isInFixedClause ? !endsFixed(text, start, i - start) : beginsFixed(text, start, i - start);
        i--;
      } else if (isDigit(code)) {
        const start = i;
        let value = 0;
        for (; i < length && isDigit(text.charCodeAt(i)); i++) value = value * 10 + text.charCodeAt(i) - 48;
        let next = i < length ? text.charCodeAt(i) : 0;
        const isDecimal = next === POINT && i + 1 < length && isDigit(text.charCodeAt(i + 1));
        if (isDecimal) {
          for (i++; i < length && isDigit(text.charCodeAt(i)); i++);
          next = i < length ? text.charCodeAt(i) : 0;
        }
        const before = start > 0 ? text.charCodeAt(start - 1) : 0;
        i--;
        if ((value > LITERAL_MAX && !isDecimal) || isPartOfWord(next) || next === POINT || before === POINT) continue;
        if (isInFixedClause) continue;
        if (count === LITERALS_MAX) return false;
        rest += text.slice(from, start) + (isDecimal ? DECIMAL_GAP : GAP);
        this.values[count] = isDecimal ? text.slice(start, i + 1) : value;
        this.starts[count] = start;
        count++;
        from = i + 1;
      } else if (code === CLOSING) {
        isInFixedClause = false;
      } else if (code < 32 ? code === 1 || code === 2 : isUnsafe(code, i + 1 < length ? text.charCodeAt(i + 1) : 0))
        return false;
    }
    if (count === 0) return false;
    this.rest = rest + text.slice(from);
    this.count = count;
    return true;
  }
}

const POINT = 46;
const CLOSING = 41;

/** Whether a word begins a clause whose literals are part of the statement. Where it is wrong, texts share less or the tree decides. */
function beginsFixed(text: string, start: number, length: number): boolean {
  if (length !== 5 && length !== 6) return false;
  // In ASCII, this bit tells small letters from capitals.
  switch (text.charCodeAt(start) | 0x20) {
    case 0x6f:
      return isWord(text, start, length === 5 ? 'order' : 'offset');
    case 0x67:
      return length === 5 && isWord(text, start, 'group');
    case 0x6c:
      return length === 5 && isWord(text, start, 'limit');
    default:
      return false;
  }
}

/** Whether a word ends such a clause. */
function endsFixed(text: string, start: number, length: number): boolean {
  return length === 6 && (isWord(text, start, 'having') || isWord(text, start, 'select'));
}

function isWord(text: string, start: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) if ((text.charCodeAt(start + i) | 0x20) !== word.charCodeAt(i)) return false;
  return true;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isPartOfWord(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95 || code > 127;
}

/** Quotes, dollars, backslashes, and the first characters of comments. */
function isUnsafe(code: number, next: number): boolean {
  switch (code) {
    case 0x27:
    case 0x22:
    case 0x24:
    case 0x5c:
      return true;
    case 0x2d:
      return next === 0x2d;
    case 0x2f:
      return next === 0x2a;
    default:
      return false;
  }
}

/** Undefined when no literal of the statement can be a parameter. */
function templateOf(parsed: ParsedStatement, text: string, cut: CutText, uses: number): Template | undefined {
  const literals = new Map<number, number>();
  for (let i = 0; i < cut.count; i++) literals.set(cut.starts[i]!, i);
  const types: SqlType[] = [];
  const meanings: Template['literals'][number][] = cut.values.slice(0, cut.count).map((fixed) => ({ fixed }));
  const node = replaceIn(parsed.node as unknown as Tree, false, (location, value) => {
    const negated = text.charCodeAt(location) === 0x2d;
    let start = location;
    if (negated) for (start++; text.charCodeAt(start) === 32; start++);
    const literal = literals.get(start);
    if (literal === undefined) return undefined;
    const written = cut.values[literal]!;
    const meant = typeof written === 'number' ? (negated ? -written : written) : negated ? `-${written}` : written;
    if (value !== meant) return undefined;
    // In `(a, b) = (1, 2)` each column has a copy of the row.
    const known = meanings[literal]!;
    if ('parameter' in known) return known.parameter + 1;
    meanings[literal] = { parameter: types.length, negated };
    types.push(typeof written === 'number' ? 'int4' : 'numeric');
    return types.length;
  });
  if (types.length === 0) return undefined;
  const statement = { node: node as unknown as Node, text, index: 0, isKept: true };
  return {
    statement: parsed.names === undefined ? statement : { ...statement, names: parsed.names },
    types,
    literals: meanings,
    uses,
    refusals: 0,
    refusedUntil: 0,
  };
}

type Tree = { readonly [name: string]: unknown };

/**
 * The tree with numbers replaced by the parameters that `number` gives, from 1, for those that may become one: an integer, or
 * a decimal as its text. What has none of them stays the same object.
 */
function replaceIn(
  tree: Tree,
  isOperand: boolean,
  number: (location: number, value: Literal) => number | undefined,
): Tree {
  const literal = tree.A_Const as A_Const | undefined;
  if (literal !== undefined) {
    const value = literal.ival === undefined ? literal.fval?.fval : (literal.ival.ival ?? 0);
    if (!isOperand || value === undefined) return tree;
    const location = literal.location ?? 0;
    const parameter = number(location, value);
    return parameter === undefined ? tree : { ParamRef: { number: parameter, location } };
  }
  let copy: Record<string, unknown> | undefined;
  for (const name in tree) {
    const value = tree[name];
    if (typeof value !== 'object' || value === null || KEPT.has(name)) continue;
    const replaced = Array.isArray(value)
      ? replaceInList(value, takesOperands(name), number)
      : replaceIn(value as Tree, takesOperands(name), number);
    if (replaced === value) continue;
    copy ??= { ...tree };
    copy[name] = replaced;
  }
  return copy ?? tree;
}

function replaceInList(
  list: readonly unknown[],
  areOperands: boolean,
  number: (location: number, value: Literal) => number | undefined,
): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let i = 0; i < list.length; i++) {
    const item = list[i];
    if (typeof item !== 'object' || item === null) continue;
    const replaced = replaceIn(item as Tree, areOperands, number);
    if (replaced === item) continue;
    copy ??= [...list];
    copy[i] = replaced;
  }
  return copy ?? list;
}

/** Parts of a statement in which a number is more than a value. */
const KEPT = new Set([
  'typeName',
  'sortClause',
  'groupClause',
  'distinctClause',
  'windowClause',
  'limitCount',
  'limitOffset',
  'funcname',
  'agg_order',
  'over',
  'withClause',
  'onConflictClause',
]);

/** Fields whose direct children are values; a column of a SELECT is not: its name may come from what it is. */
function takesOperands(field: string): boolean {
  return field === 'lexpr' || field === 'rexpr' || field === 'items' || field === 'args' || field === 'val';
}
