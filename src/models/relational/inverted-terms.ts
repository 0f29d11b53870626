/**
 * Terms: what an inverted index knows a value by. A search asks for values that have all of some terms, or any of them, and tests
 * what it finds: terms may be shared by values that have nothing in common.
 *
 * Each is a hash of 53 bits that is on disk; never change what goes into it.
 *
 *   arrays          a term for each element, one for a null among them, and one of the array that has no elements
 *   jsonb           a term for each name of an object, and each string of an array, on top; a string that is all there is
 *   and             a term for each null, boolean, number or string with the names around it. Arrays around it leave no trace: an
 *   (jsonb_path_ops   array on top contains a bare value
 *    has no others)
 */

import { OperationError } from '../../base/errors.ts';
import { KeyWriter } from '../../storage/tuple.ts';
import { writeValue } from './keys.ts';
import type { ColumnValue, IndexPart } from './table.ts';
import { Jsonb, type JsonObject, type JsonValue, SqlArray } from './values.ts';

/** Operators that such an index finds rows by, the indexed value on their left. */
export type SearchOperator = '@>' | '<@' | '&&' | '=' | '?' | '?|' | '?&' | '@?' | '@@';

/** What must be among the terms of a value; more than that is for a test of the value to say. */
export type TermSearch =
  | { readonly kind: 'all' | 'any'; readonly terms: readonly number[] }
  /** Terms tell nothing: every row may be meant. */
  | { readonly kind: 'everything' };

const EMPTY_ARRAY = 0;
const NULL_ELEMENT = 1;
/** Of a search for all terms: what is left is tested anyway. */
const TERMS_MAX = 16;

const NOTHING: TermSearch = { kind: 'any', terms: [] };
const EVERYTHING: TermSearch = { kind: 'everything' };

/** Of a value of the column or expression that `part` is about. */
export function termsOf({ operatorClass }: Pick<IndexPart, 'operatorClass'>, value: ColumnValue): Iterable<number> {
  if (value === null) return [];
  if (value instanceof SqlArray) return arrayTerms(value);
  if (!(value instanceof Jsonb)) throw new OperationError('corruption', 'an inverted index over a type without terms');
  const terms = new Set<number>();
  if (operatorClass !== 'jsonb_path_ops') addTopTerms(value.tree, terms);
  addPathTerms(value.tree, START, terms);
  return terms;
}

/** The values that stand so to `wanted`. */
export function searchOf(
  { operatorClass }: Pick<IndexPart, 'operatorClass'>,
  operator: Exclude<SearchOperator, '@?' | '@@'>,
  wanted: ColumnValue,
): TermSearch {
  if (wanted === null) return NOTHING;
  if (wanted instanceof Jsonb) return jsonSearch(wanted.tree, operatorClass !== 'jsonb_path_ops');
  if (operator === '?') return all([nameTerm(wanted as string)]);
  const array = wanted as SqlArray;
  if (operator === '?|' || operator === '?&') {
    const terms = array.values.flatMap((name) => (name === null ? [] : [nameTerm(name as string)]));
    return operator === '?|' ? { kind: 'any', terms } : all(terms);
  }
  const elements = [...arrayTerms(array)];
  switch (operator) {
    case '=':
      return all(elements);
    case '@>':
      // No array contains a null.
      return array.values.includes(null) ? NOTHING : all(elements.filter((term) => term !== EMPTY_ARRAY));
    case '&&':
      return { kind: 'any', terms: elements.filter((term) => term !== NULL_ELEMENT && term !== EMPTY_ARRAY) };
    case '<@':
      return { kind: 'any', terms: [...new Set([...elements, EMPTY_ARRAY])] };
  }
}

/** Of values that have all of the terms. */
export function all(terms: readonly number[]): TermSearch {
  return terms.length === 0 ? EVERYTHING : { kind: 'all', terms: [...new Set(terms)].slice(0, TERMS_MAX) };
}

/** Of values that contain `wanted`. An empty object or array in it leaves no trace but the name that it stands under. */
function jsonSearch(wanted: JsonValue, knowsNames: boolean): TermSearch {
  const terms = new Set<number>();
  addPathTerms(wanted, START, terms);
  if (terms.size === 0 && knowsNames && isObject(wanted)) addTopTerms(wanted, terms);
  return all([...terms]);
}

/** The names around a value in a document, on the way to its term. */
export interface DocumentHash {
  name(name: string): DocumentHash;
}

/** No names: what stands on top, and in arrays there. */
export function documentTerms(): DocumentHash {
  return START;
}

/** The term of a value with these names around it. */
export function documentTerm(
  around: DocumentHash,
  value: Exclude<JsonValue, readonly JsonValue[] | JsonObject>,
): number {
  return scalarHash(around as Hash, value).finish();
}

function isObject(tree: JsonValue): tree is JsonObject {
  return tree instanceof Map;
}

function addTopTerms(tree: JsonValue, terms: Set<number>): void {
  if (isObject(tree)) for (const name of tree.keys()) terms.add(nameTerm(name));
  else if (Array.isArray(tree)) for (const each of tree) if (typeof each === 'string') terms.add(nameTerm(each));
  if (typeof tree === 'string') terms.add(nameTerm(tree));
}

function addPathTerms(tree: JsonValue, around: Hash, terms: Set<number>): void {
  if (isObject(tree)) {
    for (const [name, value] of tree) addPathTerms(value, around.name(name), terms);
  } else if (Array.isArray(tree)) {
    for (const each of tree) addPathTerms(each, around, terms);
  } else terms.add(scalarHash(around, tree as Exclude<JsonValue, readonly JsonValue[] | JsonObject>).finish());
}

function scalarHash(around: Hash, value: Exclude<JsonValue, readonly JsonValue[] | JsonObject>): Hash {
  if (value === null) return around.byte(IS_NULL);
  if (typeof value === 'boolean') return around.byte(value ? IS_TRUE : IS_FALSE);
  if (typeof value === 'string') return around.byte(IS_STRING).text(value);
  const digits = value.toString();
  // Equal numbers may have different scales.
  return around.byte(IS_NUMBER).text(digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits);
}

function nameTerm(name: string): number {
  return START.byte(IS_NAME).text(name).finish();
}

const writer = new KeyWriter();

function arrayTerms({ element, values }: SqlArray): Iterable<number> {
  if (values.length === 0) return [EMPTY_ARRAY];
  const terms = new Set<number>();
  for (const value of values) {
    if (value === null) {
      terms.add(NULL_ELEMENT);
      continue;
    }
    // Values that are equal stand in keys as the same bytes.
    writeValue(writer.reset(), element, value);
    terms.add(START.bytes(writer.view()).finish());
  }
  return terms;
}

const [IN_NAME, IS_NULL, IS_FALSE, IS_TRUE, IS_NUMBER, IS_STRING, IS_NAME] = [1, 2, 3, 4, 5, 6, 7];

/** Two multiplicative hashes side by side, of 32 bits each. Immutable, so that a path can be gone on with in several ways. */
class Hash implements DocumentHash {
  readonly #a: number;
  readonly #b: number;

  constructor(a: number, b: number) {
    this.#a = a;
    this.#b = b;
  }

  byte(byte: number): Hash {
    return new Hash(Math.imul(this.#a ^ byte, 0x9e3779b1), Math.imul(this.#b ^ byte, 0x5f356495));
  }

  /** Of what stands under a name. */
  name(name: string): Hash {
    return this.text(name).byte(IN_NAME);
  }

  /** By its UTF-16 units. */
  text(text: string): Hash {
    let [a, b] = [this.#a, this.#b];
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x9e3779b1);
      b = Math.imul(b ^ unit, 0x5f356495);
    }
    return new Hash(a, b);
  }

  bytes(bytes: Uint8Array): Hash {
    let [a, b] = [this.#a, this.#b];
    for (let i = 0; i < bytes.length; i++) {
      a = Math.imul(a ^ bytes[i]!, 0x9e3779b1);
      b = Math.imul(b ^ bytes[i]!, 0x5f356495);
    }
    return new Hash(a, b);
  }

  finish(): number {
    const a = mixed(this.#a, this.#b);
    const b = mixed(this.#b, this.#a);
    return (b & 0x1fffff) * 2 ** 32 + (a >>> 0);
  }
}

function mixed(one: number, other: number): number {
  const first = Math.imul(one ^ (one >>> 16), 0x85ebca6b);
  return first ^ Math.imul(other ^ (other >>> 13), 0xc2b2ae35);
}

const START = new Hash(0x243f6a88, 0x13198a2e);
