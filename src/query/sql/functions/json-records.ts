/**
 * Documents as records (manual, 9.16.1): the members of an object as rows, and rows of a type out of objects (PostgreSQL's
 * jsonfuncs.c, populate_record). A value of json keeps the text it was written with; one of jsonb is printed anew.
 */

import { type Jsonb, type JsonValue, SqlArray, type SqlRecord } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { applyModifier } from '../types/cast.ts';
import { isJsonArray, isJsonObject, jsonbOf, parseJsonb, printJson } from '../types/json-value.ts';
import { parseText } from '../types/text-form.ts';
import { baseOf, domainCheckOf, elementOf, isRecord, type SqlType, type SqlValue, typeInfo } from '../types/types.ts';
import type { FunctionTable, KernelBuilder, RunContext } from './definition.ts';
import { splitJson, textOfJson } from './json-functions.ts';
import { makeRecord } from './records.ts';

/** A part of a document, of json or of jsonb. */
interface Part {
  readonly kind: 'null' | 'string' | 'scalar' | 'array' | 'object';
  /** As JSON. */
  readonly text: string;
  /** Of a string what it says, of anything else its text. */
  readonly content: string;
  items(): readonly Part[];
  entries(): readonly (readonly [name: string, part: Part])[];
}

function partOfText(source: string): Part {
  const text = source.trim();
  const first = text[0];
  const kind =
    text === 'null' ? 'null' : first === '"' ? 'string' : first === '[' ? 'array' : first === '{' ? 'object' : 'scalar';
  return {
    kind,
    text,
    content: kind === 'string' ? textOfJson(text)! : text,
    items: () => splitJson(text).map(([, value]) => partOfText(value)),
    entries: () => splitJson(text).map(([name, value]) => [name!, partOfText(value)]),
  };
}

function partOfTree(tree: JsonValue): Part {
  const text = printJson(tree);
  const kind =
    tree === null
      ? 'null'
      : typeof tree === 'string'
        ? 'string'
        : isJsonArray(tree)
          ? 'array'
          : isJsonObject(tree)
            ? 'object'
            : 'scalar';
  return {
    kind,
    text,
    content: typeof tree === 'string' ? tree : text,
    items: () => (isJsonArray(tree) ? tree.map(partOfTree) : []),
    entries: () => (isJsonObject(tree) ? [...tree].map(([name, value]) => [name, partOfTree(value)] as const) : []),
  };
}

const partOf = (json: string | Jsonb): Part => (typeof json === 'string' ? partOfText(json) : partOfTree(json.tree));

/** @param place How hints name it: of a value the key, within an array the subscripts. */
function readAs(type: SqlType, modifier: number, part: Part, context: RunContext, place: string): SqlValue {
  const base = baseOf(type);
  const check = domainCheckOf(type);
  if (part.kind === 'null') {
    check?.(null, context);
    return null;
  }
  const element = elementOf(base);
  let value: SqlValue;
  if (part.kind !== 'string' && element !== undefined && base !== 'int2vector' && base !== 'oidvector') {
    value = arrayFrom(element, modifier, part, context, place);
  } else if (part.kind !== 'string' && isRecord(base)) {
    value = recordFrom(base, part, null, context, 'populate_composite');
  } else if (base === 'json') value = part.text;
  else if (base === 'jsonb') value = parseJsonb(part.text);
  else return applyModifier(base, modifier, parseText(type, part.content, context), false);
  check?.(value, context);
  return value;
}

function arrayFrom(element: SqlType, modifier: number, part: Part, context: RunContext, place: string): SqlArray {
  const values: SqlValue[] = [];
  const dimensions: number[] = [];
  const expected = (where: string): SqlError =>
    new SqlError('invalid_text_representation', 'expected JSON array', where === '' ? {} : { hint: where });
  const walk = (array: Part, depth: number, subscripts: string): void => {
    const items = array.items();
    if (dimensions.length === depth) dimensions.push(items.length);
    else if (dimensions[depth] !== items.length) throw malformedArray();
    items.forEach((item, i) => {
      const isNested = item.kind === 'array' && !isJsonLike(element);
      if (dimensions.length > depth + 1 && !isNested) {
        throw expected(`See the array element ${subscripts}[${i}]${place === '' ? '' : ` of key "${place}"`}.`);
      }
      if (isNested && values.length > 0 && dimensions.length === depth + 1) throw malformedArray();
      if (isNested) walk(item, depth + 1, `${subscripts}[${i}]`);
      else values.push(readAs(element, modifier, item, context, place));
    });
  };
  if (part.kind !== 'array') throw expected(place === '' ? '' : `See the value of key "${place}".`);
  walk(part, 0, '');
  if (values.length === 0) return new SqlArray(element as SqlArray['element'], []);
  return new SqlArray(element as SqlArray['element'], values, dimensions);
}

function isJsonLike(type: SqlType): boolean {
  return type === 'json' || type === 'jsonb';
}

function malformedArray(): SqlError {
  return new SqlError('invalid_text_representation', 'malformed JSON array', {
    detail: 'Multidimensional arrays must have sub-arrays with matching dimensions.',
  });
}

function refuse(name: string, { kind }: Part): SqlError {
  const what = kind === 'array' ? 'an array' : kind === 'object' ? 'an object' : 'a scalar';
  return new SqlError('invalid_parameter_value', `cannot call ${name} on ${what}`);
}

/** @param base What fields hold that the document leaves out. */
function recordFrom(type: SqlType, part: Part, base: SqlRecord | null, context: RunContext, name: string): SqlRecord {
  if (part.kind !== 'object') throw refuse(name, part);
  const { fields = [] } = typeInfo(baseOf(type));
  const given = new Map(part.entries());
  const values = fields.map((field, i) => {
    const found = given.get(field.name);
    if (found !== undefined) return readAs(field.type, field.modifier, found, context, field.name);
    const kept = base?.values[i] ?? null;
    if (kept === null) domainCheckOf(field.type)?.(null, context);
    return kept;
  });
  return makeRecord(
    fields.map((field) => field.type),
    values,
  );
}

function requireRow(type: SqlType, name: string): void {
  if (typeInfo(baseOf(type)).fields !== undefined) return;
  throw new SqlError('datatype_mismatch', `first argument of ${name} must be a row type`);
}

function populate(name: string): KernelBuilder {
  return {
    build: ([given], result) => {
      requireRow(given!, name);
      return (base: SqlRecord | null, json: string | Jsonb | null, context: RunContext) =>
        json === null ? base : recordFrom(result, partOf(json), base, context, 'populate_composite');
    },
  };
}

function populateSet(name: string): KernelBuilder {
  return {
    build: ([given], result) => {
      requireRow(given!, name);
      return (base: SqlRecord | null, json: string | Jsonb | null, context: RunContext) =>
        json === null ? [] : recordsFrom(result, partOf(json), base, context, name, typeof json === 'string');
    },
  };
}

function recordsFrom(
  type: SqlType,
  part: Part,
  base: SqlRecord | null,
  context: RunContext,
  name: string,
  isText: boolean,
): readonly SqlRecord[] {
  if (part.kind !== 'array') {
    if (!isText) throw new SqlError('invalid_parameter_value', `cannot call ${name} on a non-array`);
    throw refuse(name, part);
  }
  return part.items().map((item) => {
    if (item.kind !== 'object') {
      throw new SqlError('invalid_parameter_value', `argument of ${name} must be an array of objects`);
    }
    return recordFrom(type, item, base, context, name);
  });
}

function toRecord(name: string): KernelBuilder {
  return {
    build: (_, result) => (json: string | Jsonb, context: RunContext) =>
      recordFrom(result, partOf(json), null, context, name),
  };
}

function toRecords(name: string): KernelBuilder {
  return {
    build: (_, result) => (json: string | Jsonb, context: RunContext) =>
      recordsFrom(result, partOf(json), null, context, name, typeof json === 'string'),
  };
}

function entriesOf(json: string | Jsonb, name: string): readonly (readonly [string, Part])[] {
  const part = partOf(json);
  if (part.kind === 'object') return part.entries();
  if (typeof json !== 'string') {
    throw new SqlError('invalid_parameter_value', `cannot call ${name} on a non-object`);
  }
  throw new SqlError(
    'invalid_parameter_value',
    part.kind === 'array' ? 'cannot deconstruct an array as an object' : 'cannot deconstruct a scalar',
  );
}

const row = (types: readonly SqlType[], ...values: readonly SqlValue[]): SqlRecord => makeRecord(types, values);
const textOf = (part: Part): string | null => (part.kind === 'null' ? null : part.content);

export const JSON_RECORD_FUNCTIONS: FunctionTable = {
  'json_each(json) setof {key:text,value:json}': (json: string) =>
    entriesOf(json, 'json_each').map(([key, part]) => row(['text', 'json'], key, part.text)),
  'json_each_text(json) setof {key:text,value:text}': (json: string) =>
    entriesOf(json, 'json_each_text').map(([key, part]) => row(['text', 'text'], key, textOf(part))),
  'jsonb_each(jsonb) setof {key:text,value:jsonb}': (json: Jsonb) => {
    if (!isJsonObject(json.tree)) entriesOf(json, 'jsonb_each');
    const entries = isJsonObject(json.tree) ? [...json.tree] : [];
    return entries.map(([key, value]) => row(['text', 'jsonb'], key, jsonbOf(value)));
  },
  'jsonb_each_text(jsonb) setof {key:text,value:text}': (json: Jsonb) =>
    entriesOf(json, 'jsonb_each_text').map(([key, part]) => row(['text', 'text'], key, textOf(part))),
  'json_populate_record(base anyelement, from_json json, use_json_as_text bool = false) anyelement stable called':
    populate('json_populate_record'),
  'jsonb_populate_record(anyelement, jsonb) anyelement stable called': populate('jsonb_populate_record'),
  'json_populate_recordset(base anyelement, from_json json, use_json_as_text bool = false) setof anyelement stable called':
    populateSet('json_populate_recordset'),
  'jsonb_populate_recordset(anyelement, jsonb) setof anyelement stable called': populateSet('jsonb_populate_recordset'),
  'json_to_record(json) record stable': toRecord('json_to_record'),
  'jsonb_to_record(jsonb) record stable': toRecord('jsonb_to_record'),
  'json_to_recordset(json) setof record stable': toRecords('json_to_recordset'),
  'jsonb_to_recordset(jsonb) setof record stable': toRecords('jsonb_to_recordset'),
};
