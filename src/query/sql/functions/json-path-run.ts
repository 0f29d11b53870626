/**
 * What a path in the SQL/JSON language finds in a document (manual, 9.16.2; PostgreSQL's jsonpath_exec.c).
 *
 * In lax mode arrays are taken apart where one of their elements is wanted, a single value stands for an array of one, and what
 * is not there is nothing; in strict mode each of these is an error. An error inside of a predicate makes it unknown. Ids of
 * keyvalue() tell objects apart but are not PostgreSQL's, which are places in its binary form.
 */

import { Numeric } from '../../../models/relational/numeric.ts';
import type { JsonObject, JsonValue } from '../../../models/relational/values.ts';
import { type Condition, SqlError } from '../sql-error.ts';
import { numericFromFloat } from '../types/cast.ts';
import { compareText } from '../types/compare.ts';
import type { Accessor, Arithmetic, Comparison, JsonPath, PathNode, PathStart, Predicate } from '../types/json-path.ts';
import { isPredicate } from '../types/json-path.ts';
import { isJsonArray, isJsonObject, jsonObject } from '../types/json-value.ts';
import {
  addNumeric,
  compareNumeric,
  divideNumeric,
  moduloNumeric,
  multiplyNumeric,
  negateNumeric,
  numericOf,
  subtractNumeric,
  truncateNumeric,
} from '../types/numeric-arithmetic.ts';
import { parseFloat8 } from '../types/text-form.ts';
import type { TimeContext } from '../types/timestamptz.ts';
import { InvalidTemplate } from './format-template.ts';
import { comparePathTimes, PathTime, pathTime } from './json-path-times.ts';
import { codePoints, regexOf } from './regex.ts';

type Item = JsonValue | PathTime;
type Emit = (item: Item) => void;

/** Ends a search that has found what it looks for. */
class Found extends Error {}

const ABS_INT_MAX = 2_147_483_647n;

export interface PathOptions {
  readonly variables: JsonValue;
  readonly time: TimeContext;
  /** Whether what is local may be compared with what has a zone. */
  readonly usesZone: boolean;
}

/** Errors are thrown after what was found before them has been emitted. */
export function queryPath(
  path: JsonPath,
  document: JsonValue,
  options: PathOptions,
  emit: (item: JsonValue) => void,
): void {
  new PathRun(path, document, options).run((item) => emit(jsonOf(item)));
}

/** Whether the path finds anything; in lax mode nothing behind the first item is looked at. */
export function pathExists(path: JsonPath, document: JsonValue, options: PathOptions): boolean {
  let isThere = false;
  try {
    new PathRun(path, document, options).run(() => {
      isThere = true;
      if (!path.strict) throw new Found();
    });
  } catch (error) {
    if (!(error instanceof Found)) throw error;
  }
  return isThere;
}

function jsonOf(item: Item): JsonValue {
  return item instanceof PathTime ? item.toString() : item;
}

function failure(condition: Condition, message: string): SqlError {
  return new SqlError(condition, message);
}

class PathRun {
  readonly #path: JsonPath;
  readonly #document: JsonValue;
  readonly #options: PathOptions;
  /** Whether what does not fit is nothing instead of an error: in lax mode, and behind `**`. */
  #ignores: boolean;
  #current: Item;
  /** Of the innermost array whose subscripts are computed. */
  #size: number | undefined;
  #objectIds = 0;

  constructor(path: JsonPath, document: JsonValue, options: PathOptions) {
    this.#path = path;
    this.#document = document;
    this.#options = options;
    this.#ignores = !path.strict;
    this.#current = document;
  }

  run(emit: Emit): void {
    this.#node(this.#path.root, emit);
  }

  get #isLax(): boolean {
    return !this.#path.strict;
  }

  #node({ start, steps }: PathNode, emit: Emit): void {
    const next: Emit = steps.length === 0 ? emit : (item) => this.#steps(item, steps, 0, emit, this.#isLax);
    this.#start(start, next);
  }

  #start(start: PathStart, emit: Emit): void {
    switch (start.kind) {
      case 'root':
        emit(this.#document);
        return;
      case 'current':
        emit(this.#current);
        return;
      case 'last':
        if (this.#size === undefined)
          throw failure('internal_error', 'evaluating jsonpath LAST outside of array subscript');
        emit(numericOf(this.#size - 1));
        return;
      case 'null':
        emit(null);
        return;
      case 'string':
        emit(start.text);
        return;
      case 'number':
      case 'boolean':
        emit(start.value);
        return;
      case 'variable': {
        const value = (this.#options.variables as JsonObject).get(start.name);
        if (value === undefined) {
          throw failure('undefined_object', `could not find jsonpath variable "${start.name}"`);
        }
        emit(value);
        return;
      }
      case 'arithmetic':
        emit(this.#arithmetic(start.operator, start.left, start.right));
        return;
      case 'sign':
        for (const item of this.#unwrapped(start.arg)) {
          if (!(item instanceof Numeric)) {
            throw failure(
              'sql_json_number_not_found',
              `operand of unary jsonpath operator ${start.operator} is not a numeric value`,
            );
          }
          emit(start.operator === '-' ? negateNumeric(item) : item);
        }
        return;
      default:
        emit(this.#predicate(start));
    }
  }

  #all(node: PathNode): Item[] {
    const found: Item[] = [];
    this.#node(node, (item) => found.push(item));
    return found;
  }

  /** Arrays among the items give their elements in lax mode. */
  #unwrapped(node: PathNode): readonly Item[] {
    const found = this.#all(node);
    if (!this.#isLax || !found.some((item) => isArray(item))) return found;
    return found.flatMap((item): readonly Item[] => (isArray(item) ? item : [item]));
  }

  #arithmetic(operator: Arithmetic, left: PathNode, right: PathNode): Numeric {
    const [a, ...moreLeft] = this.#unwrapped(left);
    if (moreLeft.length > 0 || !(a instanceof Numeric)) {
      throw failure(
        'singleton_sql_json_item_required',
        `left operand of jsonpath operator ${operator} is not a single numeric value`,
      );
    }
    const [b, ...moreRight] = this.#unwrapped(right);
    if (moreRight.length > 0 || !(b instanceof Numeric)) {
      throw failure(
        'singleton_sql_json_item_required',
        `right operand of jsonpath operator ${operator} is not a single numeric value`,
      );
    }
    switch (operator) {
      case '+':
        return addNumeric(a, b);
      case '-':
        return subtractNumeric(a, b);
      case '*':
        return multiplyNumeric(a, b);
      case '/':
        return divideNumeric(a, b);
      default:
        return moduloNumeric(a, b);
    }
  }

  /** @param unwrap Whether an array stands for its elements at this step. */
  #steps(item: Item, steps: readonly Accessor[], at: number, emit: Emit, unwrap: boolean): void {
    const step = steps[at];
    if (step === undefined) {
      emit(item);
      return;
    }
    const next = (found: Item): void => this.#steps(found, steps, at + 1, emit, this.#isLax);
    const each = (array: readonly JsonValue[]): void => {
      for (const element of array) this.#steps(element, steps, at, emit, false);
    };
    switch (step.kind) {
      case 'key':
        if (isObject(item)) {
          const value = item.get(step.name);
          if (value !== undefined) next(value);
          else if (!this.#ignores) {
            throw failure('sql_json_member_not_found', `JSON object does not contain key "${step.name}"`);
          }
        } else if (unwrap && isArray(item)) each(item);
        else if (!this.#ignores) {
          throw failure('sql_json_member_not_found', 'jsonpath member accessor can only be applied to an object');
        }
        return;
      case 'anyKey':
        if (isObject(item)) for (const value of item.values()) next(value);
        else if (unwrap && isArray(item)) each(item);
        else if (!this.#ignores) {
          throw failure(
            'sql_json_object_not_found',
            'jsonpath wildcard member accessor can only be applied to an object',
          );
        }
        return;
      case 'anyElement':
        if (isArray(item)) for (const element of item) next(element);
        else if (this.#isLax) next(item);
        else if (!this.#ignores) {
          throw failure('sql_json_array_not_found', 'jsonpath wildcard array accessor can only be applied to an array');
        }
        return;
      case 'index':
        this.#subscripts(step.ranges, item, next);
        return;
      case 'any':
        this.#any(step, item, next);
        return;
      case 'filter': {
        if (unwrap && isArray(item)) {
          each(item);
          return;
        }
        const outer = this.#current;
        this.#current = item;
        const kept = isPredicate(step.predicate.start) && this.#predicate(step.predicate.start) === true;
        this.#current = outer;
        if (kept) next(item);
        return;
      }
      case 'method':
        if (unwrap && isArray(item) && step.name !== 'type' && step.name !== 'size') each(item);
        else this.#method(step, item, next);
        return;
    }
  }

  #subscripts(ranges: Extract<Accessor, { kind: 'index' }>['ranges'], item: Item, next: Emit): void {
    if (!isArray(item) && !this.#isLax) {
      if (this.#ignores) return;
      throw failure('sql_json_array_not_found', 'jsonpath array accessor can only be applied to an array');
    }
    const elements: readonly Item[] = isArray(item) ? item : [item];
    const outer = this.#size;
    for (const [fromNode, toNode] of ranges) {
      this.#size = elements.length;
      const from = this.#subscript(fromNode);
      const to = toNode === undefined ? from : this.#subscript(toNode);
      this.#size = outer;
      if (!this.#ignores && (from < 0 || from > to || to >= elements.length)) {
        throw failure('invalid_sql_json_subscript', 'jsonpath array subscript is out of bounds');
      }
      for (let i = Math.max(0, from); i <= Math.min(to, elements.length - 1); i++) next(elements[i]!);
    }
  }

  #subscript(node: PathNode): number {
    const [value, ...more] = this.#all(node);
    if (more.length > 0 || !(value instanceof Numeric)) {
      throw failure('invalid_sql_json_subscript', 'jsonpath array subscript is not a single numeric value');
    }
    const { digits } = truncateNumeric(value, 0);
    if (digits > ABS_INT_MAX || digits < -ABS_INT_MAX - 1n) {
      throw failure('invalid_sql_json_subscript', 'jsonpath array subscript is out of integer range');
    }
    return Number(digits);
  }

  /** Everything at some levels below; without a first level, the leaves. */
  #any({ first, last }: Extract<Accessor, { kind: 'any' }>, item: Item, next: Emit): void {
    const from = first ?? Number.POSITIVE_INFINITY;
    const to = last ?? Number.POSITIVE_INFINITY;
    const leavesOnly = first === undefined && last === undefined;
    const visit = (found: Item): void => {
      const outer = this.#ignores;
      this.#ignores = true;
      next(found);
      this.#ignores = outer;
    };
    if (from === 0) visit(item);
    const descend = (container: Item, level: number): void => {
      if (level > to || !isContainer(container)) return;
      for (const value of isArray(container) ? container : container.values()) {
        if (level >= from || (leavesOnly && !isContainer(value))) visit(value);
        if (level < to) descend(value, level + 1);
      }
    };
    descend(item, 1);
  }

  #method(step: Extract<Accessor, { kind: 'method' }>, item: Item, next: Emit): void {
    const { name } = step;
    switch (name) {
      case 'type':
        next(typeOf(item));
        return;
      case 'size':
        if (isArray(item)) next(numericOf(item.length));
        else if (this.#isLax) next(numericOf(1));
        else if (!this.#ignores) {
          throw failure('sql_json_array_not_found', 'jsonpath item method .size() can only be applied to an array');
        }
        return;
      case 'abs':
      case 'floor':
      case 'ceiling':
        if (!(item instanceof Numeric)) {
          throw failure(
            'non_numeric_sql_json_item',
            `jsonpath item method .${name}() can only be applied to a numeric value`,
          );
        }
        next(name === 'abs' ? (item.sign < 0 ? negateNumeric(item) : item) : wholeOf(item, name));
        return;
      case 'double':
        next(doubleOf(item));
        return;
      case 'datetime':
        next(this.#datetime(item, step.template));
        return;
      case 'keyvalue': {
        if (!isObject(item)) {
          throw failure(
            'sql_json_object_not_found',
            'jsonpath item method .keyvalue() can only be applied to an object',
          );
        }
        const id = numericOf(item === this.#document ? 0 : ++this.#objectIds);
        for (const [key, value] of item) {
          next(
            jsonObject([
              ['key', key],
              ['value', value],
              ['id', id],
            ]),
          );
        }
        return;
      }
    }
  }

  #datetime(item: Item, template: string | undefined): PathTime {
    if (typeof item !== 'string') {
      throw failure(
        'invalid_argument_for_sql_json_datetime_function',
        'jsonpath item method .datetime() can only be applied to a string',
      );
    }
    return pathTime(item, template);
  }

  /** Null is unknown. */
  #predicate(predicate: Predicate): boolean | null {
    switch (predicate.kind) {
      case 'and':
      case 'or': {
        const decides = predicate.kind === 'or';
        const left = this.#truth(predicate.left);
        if (left === decides) return decides;
        const right = this.#truth(predicate.right);
        return right === !decides ? left : right;
      }
      case 'not': {
        const value = this.#truth(predicate.arg);
        return value === null ? null : !value;
      }
      case 'isUnknown':
        return this.#truth(predicate.arg) === null;
      case 'exists':
        return this.#exists(predicate.arg);
      case 'compare':
        return this.#some(predicate.left, this.#itemsOf(predicate.right, true), (a, b) =>
          compareItems(predicate.operator, a, b, this.#options),
        );
      case 'startsWith':
        return this.#some(predicate.left, this.#itemsOf(predicate.right, false), (whole, beginning) =>
          typeof whole === 'string' && typeof beginning === 'string' ? whole.startsWith(beginning) : null,
        );
      case 'likeRegex': {
        const regex = regexFor(predicate.pattern, predicate.flags);
        return this.#some(predicate.arg, [null], (item) =>
          typeof item === 'string' ? regex.test(codePoints(item)) : null,
        );
      }
    }
  }

  #truth({ start }: PathNode): boolean | null {
    return isPredicate(start) ? this.#predicate(start) : null;
  }

  #exists(node: PathNode): boolean | null {
    let isThere = false;
    try {
      this.#node(node, () => {
        isThere = true;
        if (this.#isLax) throw new Found();
      });
    } catch (error) {
      if (error instanceof Found) return true;
      if (!isSoft(error)) throw error;
      return null;
    }
    return isThere;
  }

  /** Undefined when they cannot be found. */
  #itemsOf(node: PathNode, unwrap: boolean): readonly Item[] | undefined {
    try {
      return unwrap ? this.#unwrapped(node) : this.#all(node);
    } catch (error) {
      if (!isSoft(error)) throw error;
      return undefined;
    }
  }

  #some(
    leftNode: PathNode,
    right: readonly Item[] | undefined,
    test: (left: Item, right: Item) => boolean | null,
  ): boolean | null {
    const left = this.#itemsOf(leftNode, true);
    if (left === undefined || right === undefined) return null;
    let isTrue = false;
    let isUnknown = false;
    for (const a of left) {
      for (const b of right) {
        const result = test(a, b);
        if (result === null) {
          if (!this.#isLax) return null;
          isUnknown = true;
        } else if (result) {
          if (this.#isLax) return true;
          isTrue = true;
        }
      }
    }
    if (isTrue) return true;
    return isUnknown ? null : false;
  }
}

/** Errors of the data, which make a predicate unknown; limits of the server are not among them. */
export function isSoft(error: unknown): boolean {
  return (
    error instanceof SqlError &&
    error.condition !== 'undefined_object' &&
    !(error instanceof InvalidTemplate) &&
    error.condition !== 'invalid_regular_expression' &&
    error.condition !== 'feature_not_supported' &&
    error.condition !== 'program_limit_exceeded'
  );
}

function isObject(item: Item): item is JsonObject {
  return !(item instanceof PathTime) && isJsonObject(item);
}

function isArray(item: Item): item is readonly JsonValue[] {
  return !(item instanceof PathTime) && isJsonArray(item);
}

function isContainer(item: Item): item is readonly JsonValue[] | JsonObject {
  return isArray(item) || isObject(item);
}

function typeOf(item: Item): string {
  if (item instanceof PathTime) {
    switch (item.type) {
      case 'date':
        return 'date';
      case 'time':
        return 'time without time zone';
      case 'timetz':
        return 'time with time zone';
      case 'timestamp':
        return 'timestamp without time zone';
      default:
        return 'timestamp with time zone';
    }
  }
  if (item === null) return 'null';
  if (isArray(item)) return 'array';
  if (isObject(item)) return 'object';
  if (item instanceof Numeric) return 'number';
  return typeof item === 'boolean' ? 'boolean' : 'string';
}

function wholeOf(value: Numeric, direction: 'floor' | 'ceiling'): Numeric {
  const whole = truncateNumeric(value, 0);
  const order = compareNumeric(whole, value);
  if (direction === 'floor') return order > 0 ? subtractNumeric(whole, numericOf(1)) : whole;
  return order < 0 ? addNumeric(whole, numericOf(1)) : whole;
}

function doubleOf(item: Item): Numeric {
  if (item instanceof Numeric) {
    if (Number.isFinite(Number(item.toString()))) return item;
    throw failure(
      'non_numeric_sql_json_item',
      'numeric argument of jsonpath item method .double() is out of range for type double precision',
    );
  }
  if (typeof item === 'string') {
    let value = Number.NaN;
    try {
      value = parseFloat8(item);
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
    }
    if (Number.isFinite(value)) return numericFromFloat(value, 15);
    throw failure(
      'non_numeric_sql_json_item',
      'string argument of jsonpath item method .double() is not a valid representation of a double precision number',
    );
  }
  throw failure(
    'non_numeric_sql_json_item',
    'jsonpath item method .double() can only be applied to a string or numeric value',
  );
}

function compareItems(operator: Comparison, a: Item, b: Item, options: PathOptions): boolean | null {
  const order = orderOf(a, b, options);
  if (order === 'null') return operator === '!=';
  if (order === undefined) return null;
  switch (operator) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '>':
      return order > 0;
    case '<=':
      return order <= 0;
    default:
      return order >= 0;
  }
}

/** Undefined for what cannot be compared, `null` where only one side is null. */
function orderOf(a: Item, b: Item, { time, usesZone }: PathOptions): number | 'null' | undefined {
  if (a === null || b === null) return a === b ? 0 : 'null';
  if (a instanceof PathTime || b instanceof PathTime) {
    if (!(a instanceof PathTime && b instanceof PathTime)) return undefined;
    return comparePathTimes(a, b, time, usesZone);
  }
  if (a instanceof Numeric) return b instanceof Numeric ? compareNumeric(a, b) : undefined;
  if (typeof a === 'boolean') return typeof b === 'boolean' ? Number(a) - Number(b) : undefined;
  if (typeof a === 'string') return typeof b === 'string' ? compareText(a, b) : undefined;
  return undefined;
}

function regexFor(pattern: string, flags: string) {
  return regexOf(pattern, {
    ignoreCase: flags.includes('i'),
    literal: flags.includes('q'),
    newlineStops: !flags.includes('q') && !flags.includes('s'),
    lineAnchors: !flags.includes('q') && flags.includes('m'),
    expanded: false,
  });
}
