/** Functions and operators of json and jsonb (manual, 9.16); paths and records are in files of their own. */

import { Numeric } from '../../../models/relational/numeric.ts';
import type { Jsonb, JsonValue, SqlArray, SqlRecord } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import {
  checkEscapes,
  isJsonArray,
  isJsonObject,
  jsonbOf,
  jsonObject,
  type PlainJson,
  parseJsonb,
  parseJsonTree,
  parsePlainJson,
  printJson,
  quoteJson,
} from '../types/json-value.ts';
import { compareNumeric } from '../types/numeric-arithmetic.ts';
import { formatText } from '../types/text-form.ts';
import { baseOf, elementOf, isRecord, type SqlType, type SqlValue, typeInfo } from '../types/types.ts';
import type { FunctionTable, KernelBuilder, RunContext } from './definition.ts';
import { jsonDescend } from './json-access.ts';

type Value = Exclude<SqlValue, null>;

/** The text of a value inside a document: strings without quotes, null for null. */
function scalarText(tree: JsonValue | undefined): string | null {
  if (tree === undefined || tree === null) return null;
  return typeof tree === 'string' ? tree : printJson(tree);
}

function found(tree: JsonValue | undefined): Jsonb | null {
  return tree === undefined ? null : jsonbOf(tree);
}

/** By its place, from the end where that is below zero. A scalar by itself is its own only element, as PostgreSQL stores it. */
function jsonElement(tree: JsonValue, place: number): JsonValue | undefined {
  if (isJsonObject(tree)) return undefined;
  return isJsonArray(tree) ? tree.at(place) : [tree].at(place);
}

/** Where each element of the text of a json value begins and ends, since json gives its parts back as they are written. */
function partOfJson(text: string, path: readonly (string | number)[]): string | undefined {
  checkEscapes(text);
  let rest = text.trim();
  for (const step of path) {
    const child = childText(rest, step);
    if (child === undefined) return undefined;
    rest = child;
  }
  return rest;
}

function childText(text: string, step: string | number): string | undefined {
  const open = text[0];
  if (open !== '{' && open !== '[') return undefined;
  const parts = splitJson(text);
  if (open === '[') {
    const place = typeof step === 'number' ? step : /^\s*[+-]?\d+$/.test(step) ? Number(step) : Number.NaN;
    return Number.isNaN(place) ? undefined : parts.at(place)?.[1];
  }
  if (typeof step === 'number') return undefined;
  return parts.findLast(([name]) => name === step)?.[1];
}

/** Names (of an object) and texts of what is directly inside. The text is valid. */
export function splitJson(text: string): [name: string | undefined, value: string][] {
  const isObject = text[0] === '{';
  const parts: [string | undefined, string][] = [];
  let depth = 0;
  let inString = false;
  let start = 1;
  let colon = -1;
  const end = (at: number): void => {
    const body = text.slice(start, at);
    if (body.trim() === '') return;
    if (!isObject) parts.push([undefined, body.trim()]);
    else parts.push([parseJsonTree(text.slice(start, colon)) as string, text.slice(colon + 1, at).trim()]);
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (inString) {
      if (c === '\\') i++;
      else if (c === '"') inString = false;
    } else if (c === '"') inString = true;
    else if (c === '{' || c === '[') depth++;
    else if (c === '}' || c === ']') {
      if (--depth === 0) end(i);
    } else if (depth === 1 && c === ':') colon = i;
    else if (depth === 1 && c === ',') {
      end(i);
      start = i + 1;
    }
  }
  return parts;
}

export function textOfJson(text: string | undefined): string | null {
  if (text === undefined || text === 'null') return null;
  return text.startsWith('"') ? (parseJsonTree(text) as string) : text;
}

const path = (array: SqlArray): readonly string[] | null =>
  array.values.includes(null) ? null : (array.values as string[]);

/** What makes a value of a type JSON, as text. */
function jsonWriter(type: SqlType): (value: SqlValue, context: RunContext) => string {
  const base = baseOf(type);
  const write = writerOf(base);
  return (value, context) => (value === null ? 'null' : write(value, context));
}

function writerOf(type: SqlType): (value: Value, context: RunContext) => string {
  switch (type) {
    case 'bool':
      return (value) => String(value);
    case 'int2':
    case 'int4':
    case 'int8':
    case 'oid':
      return String;
    case 'float4':
    case 'float8':
    case 'numeric':
      return (value, context) => {
        const text = formatText(type, value, context);
        return /^[-\d]/.test(text) && !text.includes('Inf') ? text : quoteJson(text);
      };
    case 'json':
      return (value) => value as string;
    case 'jsonb':
      return (value) => (value as Jsonb).text;
    case 'timestamp':
    case 'timestamptz':
      return (value, context) => {
        const iso = formatText(type, value, { ...context, zone: context.zone, dateStyle: 'ISO' });
        return quoteJson(iso.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'));
      };
    case 'date':
      return (value, context) => quoteJson(formatText(type, value, { zone: context.zone, dateStyle: 'ISO' }));
    case 'record':
      return (value, context) => recordJson(value as SqlRecord, undefined, context);
    default: {
      const info = typeInfo(type);
      const element = elementOf(type);
      if (element !== undefined && type !== 'oidvector' && type !== 'int2vector') {
        return (value, context) => arrayJson(value as SqlArray, jsonWriter(element), context);
      }
      const names = info.fields?.map((field) => field.name);
      if (names !== undefined) return (value, context) => recordJson(value as SqlRecord, names, context);
      return (value, context) => quoteJson(formatText(type, value, context));
    }
  }
}

function arrayJson(
  { dimensions, values }: SqlArray,
  write: (value: SqlValue, context: RunContext) => string,
  context: RunContext,
): string {
  if (dimensions.length === 0) return '[]';
  let at = 0;
  const level = (depth: number): string => {
    const items: string[] = [];
    for (let i = 0; i < dimensions[depth]!; i++) {
      items.push(depth === dimensions.length - 1 ? write(values[at++]!, context) : level(depth + 1));
    }
    return `[${items.join(',')}]`;
  };
  return level(0);
}

function recordJson({ types, values }: SqlRecord, names: readonly string[] | undefined, context: RunContext): string {
  const fields = values.map(
    (value, i) => `${quoteJson(names?.[i] ?? `f${i + 1}`)}:${jsonWriter(types[i]!)(value, context)}`,
  );
  return `{${fields.join(',')}}`;
}

/** Functions of any one type that give json, and the same as jsonb. */
function toJson(binary: boolean): KernelBuilder {
  return {
    build: ([type]) => {
      const write = jsonWriter(type!);
      return (value: Value, context: RunContext) =>
        binary ? parseJsonb(write(value, context)) : write(value, context);
    },
  };
}

/** As `toJson`, each part on a line of its own if that is asked for. */
const toJsonInLines: KernelBuilder = {
  build: ([type]) => {
    const write = jsonWriter(type!);
    return (value: Value, pretty: boolean, context: RunContext) => {
      const text = write(value, context);
      if (!pretty) return text;
      const [open, close] = [text[0]!, text.at(-1)!];
      const parts = splitJson(text).map(([name, part]) => (name === undefined ? part : `${quoteJson(name)}:${part}`));
      return `${open}${parts.join(',\n ')}${close}`;
    };
  },
};

function keyText(type: SqlType, value: SqlValue, context: RunContext, place: number, binary: boolean): string {
  if (value === null) {
    throw new SqlError('invalid_parameter_value', `argument ${place}${binary ? ': key must not' : ' cannot'} be null`, {
      hint: binary ? undefined : 'Object keys should be text.',
    });
  }
  const base = baseOf(type);
  if (base === 'json' || base === 'jsonb' || elementOf(base) !== undefined || isRecord(base)) {
    throw new SqlError('invalid_parameter_value', 'key value must be scalar, not array, composite, or json');
  }
  return formatText(baseOf(type), value, context);
}

function buildObject(binary: boolean): KernelBuilder {
  return {
    build: (types) => {
      const typeAt = (i: number): SqlType => types[i] ?? types.at(-1)!;
      return (values: readonly SqlValue[], context: RunContext) => {
        if (values.length % 2 !== 0) {
          throw new SqlError('invalid_parameter_value', 'argument list must have even number of elements', {
            hint: `The arguments of ${binary ? 'jsonb' : 'json'}_build_object() must consist of alternating keys and values.`,
          });
        }
        const parts: string[] = [];
        for (let i = 0; i < values.length; i += 2) {
          const name = keyText(typeAt(i), values[i]!, context, i + 1, binary);
          parts.push(`${quoteJson(name)} : ${jsonWriter(typeAt(i + 1))(values[i + 1]!, context)}`);
        }
        const text = `{${parts.join(', ')}}`;
        return binary ? parseJsonb(text) : text;
      };
    },
  };
}

function buildArray(binary: boolean): KernelBuilder {
  return {
    build: (types) => (values: readonly SqlValue[], context: RunContext) => {
      const items = values.map((value, i) => jsonWriter(types[i] ?? types.at(-1)!)(value, context));
      return binary ? parseJsonb(`[${items.join(', ')}]`) : `[${items.join(', ')}]`;
    },
  };
}

function pairsOf(array: SqlArray): readonly (readonly [SqlValue, SqlValue])[] {
  const { dimensions, values } = array;
  if (dimensions.length > 2 || (dimensions.length === 2 && dimensions[1] !== 2)) {
    throw new SqlError(
      'array_subscript_error',
      dimensions.length > 2 ? 'wrong number of array subscripts' : 'array must have two columns',
    );
  }
  if (dimensions.length === 1 && values.length % 2 !== 0) {
    throw new SqlError('array_subscript_error', 'array must have even number of elements');
  }
  const pairs: [SqlValue, SqlValue][] = [];
  for (let i = 0; i < values.length; i += 2) pairs.push([values[i]!, values[i + 1]!]);
  return pairs;
}

function objectOf(pairs: readonly (readonly [SqlValue, SqlValue])[]): string {
  const parts = pairs.map(([name, value]) => {
    if (name === null) throw new SqlError('null_value_not_allowed', 'null value not allowed for object key');
    return `${quoteJson(name as string)} : ${value === null ? 'null' : quoteJson(value as string)}`;
  });
  return `{${parts.join(', ')}}`;
}

function zip(keys: SqlArray, values: SqlArray): readonly (readonly [SqlValue, SqlValue])[] {
  if (keys.dimensions.length > 1 || keys.dimensions.length !== values.dimensions.length) {
    throw new SqlError('array_subscript_error', 'wrong number of array subscripts');
  }
  if (keys.values.length !== values.values.length) {
    throw new SqlError('array_subscript_error', 'mismatched array dimensions');
  }
  return keys.values.map((key, i) => [key, values.values[i]!] as const);
}

function contains(outer: JsonValue, inner: JsonValue, top = true): boolean {
  if (isJsonObject(outer)) {
    if (!isJsonObject(inner)) return false;
    for (const [name, value] of inner) {
      const own = outer.get(name);
      if (own === undefined || !contains(own, value, false)) return false;
    }
    return true;
  }
  if (isJsonArray(outer)) {
    // An array contains a bare value, on top only.
    if (!isJsonArray(inner)) return top && !isJsonObject(inner) && outer.some((each) => contains(each, inner, false));
    return inner.every((wanted) => outer.some((each) => contains(each, wanted, false)));
  }
  if (outer instanceof Numeric) return inner instanceof Numeric && compareNumeric(outer, inner) === 0;
  return outer === inner;
}

function exists(tree: JsonValue, name: string): boolean {
  if (isJsonObject(tree)) return tree.has(name);
  if (isJsonArray(tree)) return tree.includes(name);
  return tree === name;
}

function concatenate(a: JsonValue, b: JsonValue): JsonValue {
  if (isJsonObject(a) && isJsonObject(b)) return jsonObject([...a, ...b]);
  if (isJsonArray(a) && isJsonArray(b)) return [...a, ...b];
  const list = (tree: JsonValue): readonly JsonValue[] => (isJsonArray(tree) ? tree : [tree]);
  return [...list(a), ...list(b)];
}

function cannot(action: string, tree: JsonValue): SqlError {
  const kind = isJsonObject(tree) ? 'object' : isJsonArray(tree) ? 'array' : 'scalar';
  return new SqlError('invalid_parameter_value', `cannot ${action} from ${kind}`);
}

function without(tree: JsonValue, names: readonly string[]): JsonValue {
  if (isJsonObject(tree)) return new Map([...tree].filter(([name]) => !names.includes(name)));
  if (isJsonArray(tree)) return tree.filter((each) => typeof each !== 'string' || !names.includes(each));
  throw new SqlError('invalid_parameter_value', 'cannot delete from scalar');
}

function withoutPlace(tree: JsonValue, place: number): JsonValue {
  if (isJsonObject(tree)) {
    throw new SqlError('invalid_parameter_value', 'cannot delete from object using integer index');
  }
  if (!isJsonArray(tree)) throw cannot('delete', tree);
  const at = place < 0 ? tree.length + place : place;
  return tree.filter((_, i) => i !== at);
}

type PathChange = 'set' | 'insert' | 'insert after' | 'delete';

/** The tree with something changed at the end of a path; as it was where the path leads nowhere. */
function changePath(
  tree: JsonValue,
  steps: readonly SqlValue[],
  depth: number,
  change: PathChange,
  value: JsonValue,
  create: boolean,
): JsonValue {
  const step = steps[depth];
  if (step === null || step === undefined) {
    throw new SqlError('null_value_not_allowed', `path element at position ${depth + 1} is null`);
  }
  const last = depth === steps.length - 1;
  if (isJsonObject(tree)) {
    const name = step as string;
    const own = tree.get(name);
    if (!last) {
      if (own === undefined) return tree;
      return jsonObject([...tree, [name, changePath(own, steps, depth + 1, change, value, create)]]);
    }
    if (change === 'delete') return without(tree, [name]);
    if (own === undefined) return create ? jsonObject([...tree, [name, value]]) : tree;
    if (change !== 'set') {
      throw new SqlError('invalid_parameter_value', 'cannot replace existing key', {
        hint: 'Try using the function jsonb_set to replace key value.',
      });
    }
    return jsonObject([...tree, [name, value]]);
  }
  if (!isJsonArray(tree)) return tree;
  if (!/^\s*[+-]?\d+$/.test(step as string)) {
    throw new SqlError(
      'invalid_text_representation',
      `path element at position ${depth + 1} is not an integer: "${step}"`,
    );
  }
  const given = Number(step);
  const place = given < 0 ? tree.length + given : given;
  const inside = place >= 0 && place < tree.length;
  if (!last) {
    if (!inside) return tree;
    return tree.map((each, i) => (i === place ? changePath(each, steps, depth + 1, change, value, create) : each));
  }
  switch (change) {
    case 'delete':
      return inside ? tree.filter((_, i) => i !== place) : tree;
    case 'set':
      if (inside) return tree.map((each, i) => (i === place ? value : each));
      if (!create) return tree;
      return place < 0 ? [value, ...tree] : [...tree, value];
    default: {
      if (place < 0) return [value, ...tree];
      const at = change === 'insert after' && inside ? place + 1 : Math.min(place, tree.length);
      return [...tree.slice(0, at), value, ...tree.slice(at)];
    }
  }
}

function changed(json: Jsonb, steps: SqlArray, change: PathChange, value: JsonValue, create: boolean): Jsonb {
  const { tree } = json;
  if (!isJsonObject(tree) && !isJsonArray(tree)) {
    throw new SqlError(
      'invalid_parameter_value',
      change === 'delete' ? 'cannot delete path in scalar' : 'cannot set path in scalar',
    );
  }
  if (steps.values.length === 0 || (change === 'delete' && isJsonArray(tree) && tree.length === 0)) return json;
  return jsonbOf(changePath(tree, steps.values, 0, change, value, create));
}

function setLax(
  json: Jsonb,
  steps: SqlArray,
  value: Jsonb | null,
  create: boolean,
  treatment: string | null,
): Jsonb | null {
  if (value !== null && treatment !== null) return changed(json, steps, 'set', value.tree, create);
  switch (treatment) {
    case 'raise_exception':
      throw new SqlError('null_value_not_allowed', 'JSON value must not be null', {
        detail: 'Exception was raised because null_value_treatment is "raise_exception".',
        hint: 'To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.',
      });
    case 'use_json_null':
      return changed(json, steps, 'set', null, create);
    case 'delete_key':
      return changed(json, steps, 'delete', null, false);
    case 'return_target':
      return json;
    default:
      throw new SqlError(
        'invalid_parameter_value',
        'null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"',
      );
  }
}

function stripNulls(tree: JsonValue): JsonValue {
  if (isJsonObject(tree)) {
    return new Map([...tree].filter(([, value]) => value !== null).map(([name, value]) => [name, stripNulls(value)]));
  }
  return isJsonArray(tree) ? tree.map(stripNulls) : tree;
}

function pretty(tree: JsonValue, depth = 0): string {
  const indent = ' '.repeat(4 * (depth + 1));
  const end = ' '.repeat(4 * depth);
  if (isJsonObject(tree)) {
    const items = [...tree].map(([name, value]) => `${indent}${quoteJson(name)}: ${pretty(value, depth + 1)}`);
    return items.length === 0 ? `{\n${end}}` : `{\n${items.join(',\n')}\n${end}}`;
  }
  if (isJsonArray(tree)) {
    const items = tree.map((value) => indent + pretty(value, depth + 1));
    return items.length === 0 ? `[\n${end}]` : `[\n${items.join(',\n')}\n${end}]`;
  }
  return printJson(tree);
}

function typeOf(tree: JsonValue): string {
  if (tree === null) return 'null';
  if (isJsonObject(tree)) return 'object';
  if (isJsonArray(tree)) return 'array';
  return typeof tree === 'object' ? 'number' : typeof tree;
}

function plainStrip(node: PlainJson): string {
  switch (node.kind) {
    case 'object':
      return `{${node.entries
        .filter(([, value]) => value.kind !== 'literal' || value.text !== 'null')
        .map(([name, value]) => `${quoteJson(name)}:${plainStrip(value)}`)
        .join(',')}}`;
    case 'array':
      return `[${node.items.map(plainStrip).join(',')}]`;
    case 'string':
      return quoteJson(node.text);
    default:
      return node.text;
  }
}

function arrayLength(tree: JsonValue): number {
  if (isJsonArray(tree)) return tree.length;
  throw new SqlError(
    'invalid_parameter_value',
    `cannot get array length of a ${isJsonObject(tree) ? 'non-array' : 'scalar'}`,
  );
}

function elementsOf(tree: JsonValue): readonly JsonValue[] {
  if (isJsonArray(tree)) return tree;
  throw new SqlError(
    'invalid_parameter_value',
    `cannot extract elements from ${isJsonObject(tree) ? 'an object' : 'a scalar'}`,
  );
}

function keysOf(tree: JsonValue, name: string): readonly string[] {
  if (isJsonObject(tree)) return [...tree.keys()];
  throw new SqlError(
    'invalid_parameter_value',
    `cannot call ${name} on ${isJsonArray(tree) ? 'an array' : 'a scalar'}`,
  );
}

function plainElements(text: string, name: string): string[] {
  const trimmed = text.trim();
  if (trimmed[0] === '[') return splitJson(trimmed).map(([, value]) => value);
  throw new SqlError(
    'invalid_parameter_value',
    `cannot call ${name} on a ${trimmed[0] === '{' ? 'non-array' : 'scalar'}`,
  );
}

function plainKeys(text: string): string[] {
  const trimmed = text.trim();
  if (trimmed[0] === '{') return splitJson(trimmed).map(([name]) => name!);
  throw new SqlError(
    'invalid_parameter_value',
    `cannot call json_object_keys on ${trimmed[0] === '[' ? 'an array' : 'a scalar'}`,
  );
}

const steps = (values: readonly SqlValue[]): readonly string[] | null =>
  values.includes(null) ? null : (values as string[]);

/** Under a name, which nothing in an array has. */
function memberOfJson(json: string, name: string): ReturnType<typeof partOfJson> {
  return json.trimStart().startsWith('{') ? partOfJson(json, [name]) : undefined;
}

export const JSON_OPERATORS: FunctionTable = {
  '->(json, text) json': (json: string, name: string) => memberOfJson(json, name) ?? null,
  '->(json, int4) json': (json: string, place: number) => partOfJson(json, [place]) ?? null,
  '->>(json, text) text': (json: string, name: string) => textOfJson(memberOfJson(json, name)),
  '->>(json, int4) text': (json: string, place: number) => textOfJson(partOfJson(json, [place])),
  '#>(json, _text) json': (json: string, names: SqlArray) => {
    const way = path(names);
    return way === null ? null : (partOfJson(json, way) ?? null);
  },
  '#>>(json, _text) text': (json: string, names: SqlArray) => {
    const way = path(names);
    return way === null ? null : textOfJson(partOfJson(json, way));
  },
  '->(jsonb, text) jsonb': (json: Jsonb, name: string) => (isJsonObject(json.tree) ? found(json.tree.get(name)) : null),
  '->(jsonb, int4) jsonb': (json: Jsonb, place: number) => found(jsonElement(json.tree, place)),
  '->>(jsonb, text) text': (json: Jsonb, name: string) =>
    isJsonObject(json.tree) ? scalarText(json.tree.get(name)) : null,
  '->>(jsonb, int4) text': (json: Jsonb, place: number) => scalarText(jsonElement(json.tree, place)),
  '#>(jsonb, _text) jsonb': (json: Jsonb, names: SqlArray) => {
    const way = path(names);
    return way === null ? null : found(jsonDescend(json.tree, way));
  },
  '#>>(jsonb, _text) text': (json: Jsonb, names: SqlArray) => {
    const way = path(names);
    return way === null ? null : scalarText(jsonDescend(json.tree, way));
  },
  '@>(jsonb, jsonb) bool': (a: Jsonb, b: Jsonb) => contains(a.tree, b.tree),
  '<@(jsonb, jsonb) bool': (a: Jsonb, b: Jsonb) => contains(b.tree, a.tree),
  '?(jsonb, text) bool': (json: Jsonb, name: string) => exists(json.tree, name),
  '?|(jsonb, _text) bool': (json: Jsonb, names: SqlArray) =>
    names.values.some((name) => name !== null && exists(json.tree, name as string)),
  '?&(jsonb, _text) bool': (json: Jsonb, names: SqlArray) =>
    names.values.every((name) => name === null || exists(json.tree, name as string)),
  '||(jsonb, jsonb) jsonb': (a: Jsonb, b: Jsonb) => jsonbOf(concatenate(a.tree, b.tree)),
  '-(jsonb, text) jsonb': (json: Jsonb, name: string) => jsonbOf(without(json.tree, [name])),
  '-(jsonb, _text) jsonb': (json: Jsonb, names: SqlArray) => jsonbOf(without(json.tree, names.values as string[])),
  '-(jsonb, int4) jsonb': (json: Jsonb, place: number) => jsonbOf(withoutPlace(json.tree, place)),
  '#-(jsonb, _text) jsonb': (json: Jsonb, names: SqlArray) => changed(json, names, 'delete', null, false),
};

export const JSON_FUNCTIONS: FunctionTable = {
  'to_json(anyelement) json stable': toJson(false),
  'to_jsonb(anyelement) jsonb stable': toJson(true),
  'array_to_json(anyarray) json stable': toJson(false),
  'row_to_json(record) json stable': toJson(false),
  'array_to_json(anyarray, bool) json stable': toJsonInLines,
  'row_to_json(record, bool) json stable': toJsonInLines,
  'json_build_object(variadic any) json stable called': buildObject(false),
  'json_build_object() json stable called': () => '{}',
  'jsonb_build_object(variadic any) jsonb stable called': buildObject(true),
  'jsonb_build_object() jsonb stable called': () => jsonbOf(new Map()),
  'json_build_array(variadic any) json stable called': buildArray(false),
  'json_build_array() json stable called': () => '[]',
  'jsonb_build_array(variadic any) jsonb stable called': buildArray(true),
  'jsonb_build_array() jsonb stable called': () => jsonbOf([]),
  'json_object(_text) json': (array: SqlArray) => objectOf(pairsOf(array)),
  'json_object(_text, _text) json': (keys: SqlArray, values: SqlArray) => objectOf(zip(keys, values)),
  'jsonb_object(_text) jsonb': (array: SqlArray) => parseJsonb(objectOf(pairsOf(array))),
  'jsonb_object(_text, _text) jsonb': (keys: SqlArray, values: SqlArray) => parseJsonb(objectOf(zip(keys, values))),
  'json_array_length(json) int4': (json: string) => arrayLength(parseJsonTree(json)),
  'jsonb_array_length(jsonb) int4': (json: Jsonb) => arrayLength(json.tree),
  'json_typeof(json) text': (json: string) => typeOf(parseJsonTree(json)),
  'jsonb_typeof(jsonb) text': (json: Jsonb) => typeOf(json.tree),
  'json_extract_path(json, variadic text) json': (json: string, names: readonly SqlValue[]) => {
    const way = steps(names);
    return way === null ? null : (partOfJson(json, way) ?? null);
  },
  'json_extract_path_text(json, variadic text) text': (json: string, names: readonly SqlValue[]) => {
    const way = steps(names);
    return way === null ? null : textOfJson(partOfJson(json, way));
  },
  'jsonb_extract_path(jsonb, variadic text) jsonb': (json: Jsonb, names: readonly SqlValue[]) => {
    const way = steps(names);
    return way === null ? null : found(jsonDescend(json.tree, way));
  },
  'jsonb_extract_path_text(jsonb, variadic text) text': (json: Jsonb, names: readonly SqlValue[]) => {
    const way = steps(names);
    return way === null ? null : scalarText(jsonDescend(json.tree, way));
  },
  'jsonb_set(jsonb_in jsonb, path _text, replacement jsonb, create_if_missing bool = true) jsonb': (
    json: Jsonb,
    names: SqlArray,
    value: Jsonb,
    create: boolean,
  ) => changed(json, names, 'set', value.tree, create),
  'jsonb_set_lax(jsonb_in jsonb, path _text, replacement jsonb, create_if_missing bool = true, null_value_treatment text = use_json_null) jsonb called':
    (
      json: Jsonb | null,
      names: SqlArray | null,
      value: Jsonb | null,
      create: boolean | null,
      treatment: string | null,
    ) => (json === null || names === null || create === null ? null : setLax(json, names, value, create, treatment)),
  'jsonb_insert(jsonb_in jsonb, path _text, replacement jsonb, insert_after bool = false) jsonb': (
    json: Jsonb,
    names: SqlArray,
    value: Jsonb,
    after: boolean,
  ) => changed(json, names, after ? 'insert after' : 'insert', value.tree, true),
  'json_strip_nulls(json) json': (json: string) => plainStrip(parsePlainJson(json)),
  'jsonb_strip_nulls(jsonb) jsonb': (json: Jsonb) => jsonbOf(stripNulls(json.tree)),
  'jsonb_pretty(jsonb) text': (json: Jsonb) => pretty(json.tree),
  'json_array_elements(json) setof json': (json: string) => plainElements(json, 'json_array_elements'),
  'json_array_elements_text(json) setof text': (json: string) =>
    plainElements(json, 'json_array_elements_text').map(textOfJson),
  'jsonb_array_elements(jsonb) setof jsonb': (json: Jsonb) => elementsOf(json.tree).map(jsonbOf),
  'jsonb_array_elements_text(jsonb) setof text': (json: Jsonb) => elementsOf(json.tree).map(scalarText),
  'json_object_keys(json) setof text': plainKeys,
  'jsonb_object_keys(jsonb) setof text': (json: Jsonb) => keysOf(json.tree, 'jsonb_object_keys'),
};
