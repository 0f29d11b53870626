/**
 * Documents as records (manual, 9.16.1): the members of an object as rows, and rows of a type out of objects (PostgreSQL's
 * jsonfuncs.c, populate_record). A value of json keeps the text it was written with; one of jsonb is printed anew.
 */

import { type Jsonb, type JsonValue, SqlArray, type SqlRecord } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { isJsonArray, isJsonObject, jsonbOf, parseJsonb, printJson } from '../types/json-value.ts';
import { applyModifier } from '../types/modifiers.ts';
import { recordTypeOf } from '../types/record-types.ts';
import { parseText } from '../types/text-form.ts';
import {
  baseOf,
  domainCheckOf,
  elementOf,
  isRecord,
  type SqlType,
  type SqlValue,
  titleOf,
  typeInfo,
} from '../types/types.ts';
import type { FunctionTable, Kernel, KernelBuilder, RunContext } from './definition.ts';
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

/** @param place How hints name it: of a value the key, within an array the subscripts. @param kept What a record has for fields that are not there. */
function readAs(
  type: SqlType,
  modifier: number,
  part: Part,
  context: RunContext,
  place: string,
  kept: SqlValue = null,
): SqlValue {
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
    value = recordFrom(base, part, kept as SqlRecord | null, context, 'populate_composite');
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
    const kept = base?.values[i] ?? null;
    if (found !== undefined) return readAs(field.type, field.modifier, found, context, field.name, kept);
    if (kept === null) domainCheckOf(field.type)?.(null, context);
    return kept;
  });
  return makeRecord(
    fields.map((field) => field.type),
    values,
  );
}

function requireRow(type: SqlType, name: string): void {
  if (isRecord(baseOf(type))) return;
  throw new SqlError('datatype_mismatch', `first argument of ${name} must be a row type`);
}

/**
 * The type of the rows to fill: that of the call, or what a record that was given turns out to be. Where a list of columns stands behind
 * the call, both have to agree.
 */
function unknownRow(name: string): SqlError {
  return new SqlError('feature_not_supported', `could not determine row type for result of ${name}`, {
    hint: 'Provide a non-null record argument, or call the function in the FROM clause using a column definition list.',
  });
}

function filledType(result: SqlType, base: SqlRecord | null, given: SqlType, name: string): SqlType {
  if (given !== 'record') return result;
  if (base === null) {
    if (result !== 'record') return result;
    throw unknownRow(name);
  }
  const { types } = base;
  if (result === 'record') {
    return recordTypeOf(types.map((type, i) => ({ name: `f${i + 1}`, type: type as SqlType, modifier: -1 })));
  }
  const mismatch = (detail: string): SqlError =>
    new SqlError('datatype_mismatch', 'function return row and query-specified return row do not match', { detail });
  const { fields = [] } = typeInfo(result);
  if (types.length !== fields.length) {
    const many = `${types.length} attribute${types.length === 1 ? '' : 's'}`;
    throw mismatch(`Returned row contains ${many}, but query expects ${fields.length}.`);
  }
  fields.forEach((field, i) => {
    const type = types[i] as SqlType;
    if (type === field.type) return;
    throw mismatch(
      `Returned type ${titleOf(type)} at ordinal position ${i + 1}, but query expects ${titleOf(field.type)}.`,
    );
  });
  return result;
}

type Populate = (
  base: SqlRecord | null,
  json: string | Jsonb | null,
  context: RunContext,
) => SqlValue | readonly SqlRecord[];

/** The function of json has one argument more, which changes nothing. */
function ofKind(kind: 'json' | 'jsonb', run: Populate): Kernel {
  if (kind === 'jsonb') return run;
  return (base: SqlRecord | null, json: string | null, _asText: boolean, context: RunContext) =>
    run(base, json, context);
}

function populate(kind: 'json' | 'jsonb'): KernelBuilder {
  const name = `${kind}_populate_record`;
  return {
    build: ([given], result) => {
      requireRow(given!, name);
      const check = domainCheckOf(result);
      return ofKind(kind, (base, json, context) => {
        if (json === null) return base;
        const type = filledType(result, base, given!, name);
        const record = recordFrom(type, partOf(json), base, context, 'populate_composite');
        check?.(record, context);
        return record;
      });
    },
  };
}

function populateSet(kind: 'json' | 'jsonb'): KernelBuilder {
  const name = `${kind}_populate_recordset`;
  return {
    build: ([given], result) => {
      requireRow(given!, name);
      const check = domainCheckOf(result);
      return ofKind(kind, (base, json, context) => {
        if (json === null) return [];
        const type = filledType(result, base, given!, name);
        const records = recordsFrom(type, partOf(json), base, context, name, kind === 'json');
        for (const record of records) check?.(record, context);
        return records;
      });
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
    build: (_, result) => (json: string | Jsonb, context: RunContext) => {
      if (result === 'record') throw unknownRow(name);
      return recordFrom(result, partOf(json), null, context, name);
    },
  };
}

function toRecords(name: string): KernelBuilder {
  return {
    build: (_, result) => (json: string | Jsonb, context: RunContext) => {
      if (result === 'record') throw unknownRow(name);
      return recordsFrom(result, partOf(json), null, context, name, typeof json === 'string');
    },
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
    populate('json'),
  'jsonb_populate_record(anyelement, jsonb) anyelement stable called': populate('jsonb'),
  'json_populate_recordset(base anyelement, from_json json, use_json_as_text bool = false) setof anyelement stable called':
    populateSet('json'),
  'jsonb_populate_recordset(anyelement, jsonb) setof anyelement stable called': populateSet('jsonb'),
  'json_to_record(json) record stable': toRecord('json_to_record'),
  'jsonb_to_record(jsonb) record stable': toRecord('jsonb_to_record'),
  'json_to_recordset(json) setof record stable': toRecords('json_to_recordset'),
  'jsonb_to_recordset(jsonb) setof record stable': toRecords('jsonb_to_recordset'),
};
