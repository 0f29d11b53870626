/**
 * Parses plain queries to the trees that PostgreSQL's parser gives, several times faster than it gives them: that one works in
 * WebAssembly and hands its trees over as JSON.
 *
 * What is plain: SELECT with DISTINCT, joins, WHERE, GROUP BY, HAVING and ORDER BY, set operations, subqueries in
 * expressions; arithmetic, comparisons, AND, OR, NOT, IN, BETWEEN, IS NULL, CASE, CAST to types with a keyword, COALESCE,
 * NULLIF and calls. Of everything else nothing is known here, errors included: then there is no answer, and PostgreSQL's
 * parser is asked. It also is who tells which words are names: those that the grammar has a meaning for are many, and
 * change. Precedence is that of gram.y; where operators do not associate, there is no answer. See
 * docs/decisions/plain-queries-are-parsed-here.md.
 */

import type { Node, SelectStmt } from '@pgsql/types';
import { nameKey, type QualifiedName } from '../binder/names.ts';
import { isCatalogWord, type NamesOfStatement } from '../binder/referenced-tables.ts';
import { userTypeName } from '../binder/type-names.ts';
import { plainTokens, type Tokens } from './plain-tokens.ts';

/** Of longer texts it is not worth to find out late that they are not plain. */
const TEXT_CHARS_MAX = 16_384;
/** What every query that is plain begins with. */
const S = 0x73;
const DEPTH_MAX = 200;
const INT_MAX = 2_147_483_647;
const NOT_PLAIN = new Error('not a plain statement');

type Tree = Record<string, unknown>;

/** How strongly operators bind, from gram.y. */
const OR = 1;
const AND = 2;
const IS = 4;
const COMPARISON = 5;
const RANGE = 6;
const SUM = 8;
const PRODUCT = 9;
const SIGN = 10;

export interface PlainStatement {
  readonly node: Node;
  /** What `namesOf` finds in the tree. */
  readonly names: NamesOfStatement;
}

/** @param isName Whether a word has no meaning in the grammar but that of a name. */
export function parsePlain(text: string, isName: (word: string) => boolean): PlainStatement | undefined {
  if (text.length > TEXT_CHARS_MAX || (text.charCodeAt(0) | 0x20) !== S) return undefined;
  const tokens = plainTokens(text);
  if (tokens === undefined) return undefined;
  try {
    return new PlainParser(tokens, isName).statement();
  } catch (error) {
    if (error === NOT_PLAIN) return undefined;
    throw error;
  }
}

class PlainParser {
  readonly #kinds: Tokens['kinds'];
  readonly #values: Tokens['values'];
  readonly #starts: Tokens['starts'];
  readonly #isName: (word: string) => boolean;
  readonly #tables = new Map<string, QualifiedName>();
  readonly #calls = new Map<string, QualifiedName>();
  #asksForCatalog = false;
  #at = 0;
  #depth = 0;

  constructor({ kinds, values, starts }: Tokens, isName: (word: string) => boolean) {
    this.#kinds = kinds;
    this.#values = values;
    this.#starts = starts;
    this.#isName = isName;
  }

  statement(): PlainStatement {
    const node = { SelectStmt: this.#query() };
    this.#takeSign(';');
    if (this.#kinds[this.#at] !== 'end') throw NOT_PLAIN;
    // The types that it casts to are built in; what it calls may be one that is not.
    const types = this.#calls.size === 0 ? undefined : this.#calls;
    const names = { tables: this.#tables, types, asksForCatalog: this.#asksForCatalog };
    return { node, names };
  }

  // --- Tokens

  #start(): number {
    return this.#starts[this.#at]!;
  }

  #isWord(word: string): boolean {
    return this.#values[this.#at] === word && this.#kinds[this.#at] === 'word';
  }

  #takeWord(word: string): boolean {
    if (!this.#isWord(word)) return false;
    this.#at++;
    return true;
  }

  #needWord(word: string): void {
    if (!this.#takeWord(word)) throw NOT_PLAIN;
  }

  #isSign(sign: string): boolean {
    return this.#values[this.#at] === sign && this.#kinds[this.#at] === 'sign';
  }

  #takeSign(sign: string): boolean {
    if (!this.#isSign(sign)) return false;
    this.#at++;
    return true;
  }

  #needSign(sign: string): void {
    if (!this.#takeSign(sign)) throw NOT_PLAIN;
  }

  #isNameHere(): boolean {
    return this.#kinds[this.#at] === 'word' && this.#isName(this.#values[this.#at]!);
  }

  #name(): string {
    if (!this.#isNameHere()) throw NOT_PLAIN;
    return this.#values[this.#at++]!;
  }

  /** Of something that is looked up. */
  #objectName(): string {
    const name = this.#name();
    this.#asksForCatalog ||= isCatalogWord(name);
    return name;
  }

  #list<T>(one: () => T): T[] {
    const list = [one()];
    while (this.#takeSign(',')) list.push(one());
    return list;
  }

  // --- Queries

  #query(): SelectStmt {
    if (++this.#depth > DEPTH_MAX) throw NOT_PLAIN;
    let query = this.#intersected();
    for (;;) {
      const op = this.#takeWord('union') ? 'SETOP_UNION' : this.#takeWord('except') ? 'SETOP_EXCEPT' : undefined;
      if (op === undefined) break;
      query = this.#combined(op, query, () => this.#intersected());
    }
    if (this.#takeWord('order')) {
      this.#needWord('by');
      query.sortClause = this.#list(() => this.#sortKey());
    }
    this.#depth--;
    return query as SelectStmt;
  }

  #intersected(): Tree {
    let query = this.#select();
    while (this.#takeWord('intersect')) query = this.#combined('SETOP_INTERSECT', query, () => this.#select());
    return query;
  }

  #combined(op: string, larg: Tree, right: () => Tree): Tree {
    const all = this.#takeWord('all');
    if (!all) this.#takeWord('distinct');
    return { limitOption: 'LIMIT_OPTION_DEFAULT', op, ...(all ? { all } : {}), larg, rarg: right() };
  }

  #select(): Tree {
    this.#needWord('select');
    const query: Tree = {};
    if (this.#takeWord('distinct')) {
      if (this.#isWord('on')) throw NOT_PLAIN;
      query.distinctClause = [{}];
    } else this.#takeWord('all');
    query.targetList = this.#list(() => this.#target());
    if (this.#takeWord('from')) query.fromClause = this.#list(() => this.#joined());
    if (this.#takeWord('where')) query.whereClause = this.#expression(OR);
    if (this.#takeWord('group')) {
      this.#needWord('by');
      query.groupClause = this.#list(() => this.#expression(OR));
    }
    if (this.#takeWord('having')) query.havingClause = this.#expression(OR);
    query.limitOption = 'LIMIT_OPTION_DEFAULT';
    query.op = 'SETOP_NONE';
    return query;
  }

  #target(): Tree {
    const location = this.#start();
    if (this.#takeSign('*')) {
      return { ResTarget: { val: { ColumnRef: { fields: [{ A_Star: {} }], location } }, location } };
    }
    const val = this.#expression(OR);
    if (!this.#takeWord('as') && !this.#isNameHere()) return { ResTarget: { val, location } };
    return { ResTarget: { name: this.#name(), val, location } };
  }

  #sortKey(): Tree {
    const node = this.#expression(OR);
    const direction = this.#takeWord('asc') ? 'SORTBY_ASC' : this.#takeWord('desc') ? 'SORTBY_DESC' : 'SORTBY_DEFAULT';
    return { SortBy: { node, sortby_dir: direction, sortby_nulls: 'SORTBY_NULLS_DEFAULT', location: -1 } };
  }

  #joined(): Tree {
    let left = this.#relation();
    for (;;) {
      if (this.#takeWord('cross')) {
        this.#needWord('join');
        left = { JoinExpr: { jointype: 'JOIN_INNER', larg: left, rarg: this.#relation() } };
        continue;
      }
      let jointype = 'JOIN_INNER';
      if (this.#isWord('left') || this.#isWord('right') || this.#isWord('full')) {
        jointype = `JOIN_${this.#values[this.#at++]!.toUpperCase()}`;
        this.#takeWord('outer');
        this.#needWord('join');
      } else if (this.#takeWord('inner')) this.#needWord('join');
      else if (!this.#takeWord('join')) return left;
      const rarg = this.#relation();
      this.#needWord('on');
      left = { JoinExpr: { jointype, larg: left, rarg, quals: this.#expression(OR) } };
    }
  }

  #relation(): Tree {
    const location = this.#start();
    if (this.#takeSign('(')) {
      if (++this.#depth > DEPTH_MAX) throw NOT_PLAIN;
      const join = this.#joined();
      this.#depth--;
      this.#needSign(')');
      if (!('JoinExpr' in join) || this.#isWord('as') || this.#isNameHere()) throw NOT_PLAIN;
      return join;
    }
    const relname = this.#objectName();
    this.#tables.set(relname, { schema: undefined, name: relname });
    const isNamed = this.#takeWord('as') || this.#isNameHere();
    const alias = isNamed ? { alias: { aliasname: this.#name() } } : undefined;
    if (this.#isSign('(') || this.#isSign('.') || this.#isSign('*')) throw NOT_PLAIN;
    return { RangeVar: { relname, ...RELATION, ...alias, location } };
  }

  // --- Expressions

  /** @param least Operators that bind less are left to the caller. */
  #expression(least: number): Tree {
    if (++this.#depth > DEPTH_MAX) throw NOT_PLAIN;
    let left = this.#operand();
    /** An operator that may stand only once among its like. */
    let single = 0;
    for (;;) {
      const level = this.#level();
      if (level === 0 || level < least) break;
      if (level === single) throw NOT_PLAIN;
      if (level === COMPARISON || level === RANGE) single = level;
      left = this.#operated(left, level);
    }
    this.#depth--;
    return left;
  }

  /** Of the operator that comes; 0 where none does. */
  #level(): number {
    const value = this.#values[this.#at]!;
    if (this.#kinds[this.#at] === 'word') {
      switch (value) {
        case 'or':
          return OR;
        case 'and':
          return AND;
        case 'is':
          return IS;
        case 'in':
        case 'between':
        case 'not':
          return RANGE;
        default:
          return 0;
      }
    }
    if (this.#kinds[this.#at] !== 'sign') return 0;
    switch (value) {
      case '+':
      case '-':
        return SUM;
      case '*':
      case '/':
      case '%':
        return PRODUCT;
      case '=':
      case '<':
      case '>':
      case '<=':
      case '>=':
      case '<>':
      case '!=':
        return COMPARISON;
      default:
        return 0;
    }
  }

  #operated(left: Tree, level: number): Tree {
    const location = this.#start();
    const operator = this.#values[this.#at++]!;
    switch (level) {
      case OR:
        return junction('OR_EXPR', left, this.#expression(OR + 1), location);
      case AND:
        return junction('AND_EXPR', left, this.#expression(AND + 1), location);
      case IS: {
        const negated = this.#takeWord('not');
        this.#needWord('null');
        return { NullTest: { arg: left, nulltesttype: negated ? 'IS_NOT_NULL' : 'IS_NULL', location } };
      }
      case RANGE: {
        const negated = operator === 'not';
        if (negated) this.#at++;
        const word = this.#values[this.#at - 1]!;
        if (this.#kinds[this.#at - 1] !== 'word') throw NOT_PLAIN;
        if (word === 'in') return this.#among(left, negated, location);
        if (word === 'between') return this.#between(left, negated, location);
        throw NOT_PLAIN;
      }
      default:
        return operation(operator === '!=' ? '<>' : operator, left, this.#expression(level + 1), location);
    }
  }

  #among(left: Tree, negated: boolean, location: number): Tree {
    const start = this.#start();
    this.#needSign('(');
    this.#refuseWrappedQuery();
    if (this.#isWord('select')) {
      const subselect = { SelectStmt: this.#query() };
      this.#needSign(')');
      const link = { SubLink: { subLinkType: 'ANY_SUBLINK', testexpr: left, subselect, location } };
      return negated ? { BoolExpr: { boolop: 'NOT_EXPR', args: [link], location } } : link;
    }
    const items = this.#list(() => this.#expression(OR));
    const end = this.#start();
    this.#needSign(')');
    return {
      A_Expr: {
        kind: 'AEXPR_IN',
        name: [{ String: { sval: negated ? '<>' : '=' } }],
        lexpr: left,
        rexpr: { List: { items } },
        rexpr_list_start: start,
        rexpr_list_end: end,
        location,
      },
    };
  }

  #between(left: Tree, negated: boolean, location: number): Tree {
    if (this.#isWord('not') || this.#isWord('symmetric') || this.#isWord('asymmetric')) throw NOT_PLAIN;
    const low = this.#expression(SUM);
    this.#needWord('and');
    const high = this.#expression(RANGE + 1);
    return {
      A_Expr: {
        kind: negated ? 'AEXPR_NOT_BETWEEN' : 'AEXPR_BETWEEN',
        name: [{ String: { sval: negated ? 'NOT BETWEEN' : 'BETWEEN' } }],
        lexpr: left,
        rexpr: { List: { items: [low, high] } },
        location,
      },
    };
  }

  #operand(): Tree {
    const location = this.#start();
    const value = this.#values[this.#at]!;
    switch (this.#kinds[this.#at]!) {
      case 'integer':
      case 'decimal': {
        const isInt = this.#kinds[this.#at++] === 'integer' && Number(value) <= INT_MAX;
        return isInt ? integer(Number(value), location) : { A_Const: { fval: { fval: value }, location } };
      }
      case 'text':
        this.#at++;
        return { A_Const: { sval: { sval: value }, location } };
      case 'sign':
        this.#at++;
        if (value === '-') return negative(this.#expression(SIGN), location);
        if (value === '+') return operation('+', undefined, this.#expression(SIGN), location);
        if (value === '(') return this.#inParentheses(location);
        throw NOT_PLAIN;
      case 'word':
        return this.#word(value, location);
      default:
        throw NOT_PLAIN;
    }
  }

  /** What stands in two pairs of parentheses may be a query in both of them. */
  #refuseWrappedQuery(): void {
    let at = this.#at;
    while (this.#values[at] === '(' && this.#kinds[at] === 'sign') at++;
    if (at > this.#at && this.#values[at] === 'select' && this.#kinds[at] === 'word') throw NOT_PLAIN;
  }

  #inParentheses(location: number): Tree {
    this.#refuseWrappedQuery();
    if (this.#isWord('select')) {
      const subselect = { SelectStmt: this.#query() };
      this.#needSign(')');
      return { SubLink: { subLinkType: 'EXPR_SUBLINK', subselect, location } };
    }
    const inside = this.#expression(OR);
    this.#needSign(')');
    if (this.#isSign('.')) throw NOT_PLAIN;
    return inside;
  }

  #word(word: string, location: number): Tree {
    this.#at++;
    switch (word) {
      case 'not':
        return { BoolExpr: { boolop: 'NOT_EXPR', args: [this.#expression(AND + 1)], location } };
      case 'null':
        return { A_Const: { isnull: true, location } };
      case 'true':
        return { A_Const: { boolval: { boolval: true }, location } };
      case 'false':
        return { A_Const: { boolval: {}, location } };
      case 'case':
        return this.#case(location);
      case 'exists': {
        this.#needSign('(');
        const subselect = { SelectStmt: this.#query() };
        this.#needSign(')');
        return { SubLink: { subLinkType: 'EXISTS_SUBLINK', subselect, location } };
      }
      case 'cast': {
        this.#needSign('(');
        const arg = this.#expression(OR);
        this.#needWord('as');
        const typeName = this.#typeName();
        this.#needSign(')');
        return { TypeCast: { arg, typeName, location } };
      }
      case 'coalesce': {
        this.#needSign('(');
        const args = this.#list(() => this.#expression(OR));
        this.#needSign(')');
        return { CoalesceExpr: { args, location } };
      }
      case 'nullif': {
        this.#needSign('(');
        const lexpr = this.#expression(OR);
        this.#needSign(',');
        const rexpr = this.#expression(OR);
        this.#needSign(')');
        return { A_Expr: { kind: 'AEXPR_NULLIF', name: [{ String: { sval: '=' } }], lexpr, rexpr, location } };
      }
      default:
        this.#at--;
        return this.#named(location);
    }
  }

  /** A column or a call. */
  #named(location: number): Tree {
    const name = this.#objectName();
    if (this.#takeSign('(')) return this.#call(name, location);
    const fields: Tree[] = [{ String: { sval: name } }];
    while (this.#takeSign('.')) {
      if (this.#takeSign('*')) {
        fields.push({ A_Star: {} });
        break;
      }
      fields.push({ String: { sval: this.#objectName() } });
    }
    if (this.#isSign('(')) throw NOT_PLAIN;
    return { ColumnRef: { fields, location } };
  }

  #call(name: string, location: number): Tree {
    const call: Tree = { funcname: [{ String: { sval: name } }] };
    if (this.#takeSign('*')) call.agg_star = true;
    else if (!this.#isSign(')')) {
      const isDistinct = this.#takeWord('distinct');
      if (!isDistinct) this.#takeWord('all');
      call.args = this.#list(() => this.#expression(OR));
      if (isDistinct) call.agg_distinct = true;
    }
    this.#needSign(')');
    call.funcformat = 'COERCE_EXPLICIT_CALL';
    call.location = location;
    const type = userTypeName(call);
    if (type !== undefined) this.#calls.set(nameKey(type), type);
    return { FuncCall: call };
  }

  #case(location: number): Tree {
    const arg = this.#isWord('when') ? undefined : this.#expression(OR);
    const args: Tree[] = [];
    while (this.#isWord('when')) {
      const start = this.#start();
      this.#at++;
      const expr = this.#expression(OR);
      this.#needWord('then');
      args.push({ CaseWhen: { expr, result: this.#expression(OR), location: start } });
    }
    if (args.length === 0) throw NOT_PLAIN;
    const defresult = this.#takeWord('else') ? this.#expression(OR) : undefined;
    this.#needWord('end');
    return {
      CaseExpr: { ...(arg === undefined ? {} : { arg }), args, ...(defresult && { defresult }), location },
    };
  }

  #typeName(): Tree {
    const location = this.#start();
    const type = TYPES.get(this.#values[this.#at]!);
    if (type === undefined || this.#kinds[this.#at] !== 'word') throw NOT_PLAIN;
    this.#at++;
    return { names: [{ String: { sval: 'pg_catalog' } }, { String: { sval: type } }], typemod: -1, location };
  }
}

const RELATION = { inh: true, relpersistence: 'p' };

/** Types that are words of the grammar. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ['smallint', 'int2'],
  ['int', 'int4'],
  ['integer', 'int4'],
  ['bigint', 'int8'],
  ['real', 'float4'],
  ['numeric', 'numeric'],
  ['decimal', 'numeric'],
  ['boolean', 'bool'],
]);

function integer(value: number, location: number): Tree {
  return { A_Const: { ival: value === 0 ? {} : { ival: value }, location } };
}

function operation(name: string, lexpr: Tree | undefined, rexpr: Tree, location: number): Tree {
  const left = lexpr === undefined ? {} : { lexpr };
  return { A_Expr: { kind: 'AEXPR_OP', name: [{ String: { sval: name } }], ...left, rexpr, location } };
}

/** A constant number takes the sign as its own, and every constant its place (doNegate of gram.y). */
function negative(arg: Tree, location: number): Tree {
  const constant = arg.A_Const as { ival?: { ival?: number }; fval?: { fval: string } } | undefined;
  if (constant === undefined) return operation('-', undefined, arg, location);
  if (constant.ival !== undefined) return integer(0 - (constant.ival.ival ?? 0), location);
  if (constant.fval !== undefined) {
    const { fval } = constant.fval;
    return { A_Const: { fval: { fval: fval.startsWith('-') ? fval.slice(1) : `-${fval}` }, location } };
  }
  return operation('-', undefined, { A_Const: { ...constant, location } }, location);
}

/** A chain of AND or of OR is one list, from the left (makeAndExpr of gram.y). */
function junction(boolop: string, left: Tree, right: Tree, location: number): Tree {
  const before = left.BoolExpr as { boolop: string; args: Tree[]; location: number } | undefined;
  if (before?.boolop === boolop)
    return { BoolExpr: { boolop, args: [...before.args, right], location: before.location } };
  return { BoolExpr: { boolop, args: [left, right], location } };
}
