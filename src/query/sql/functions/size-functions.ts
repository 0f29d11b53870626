/** How many bytes things take, and how to write that (manual, 9.27.7 and 9.28.7). */

import { assert } from '../../../base/assert.ts';
import { Numeric, parseNumeric } from '../../../models/relational/numeric.ts';
import { SqlArray } from '../../../models/relational/values.ts';
import type { SizeAccess } from '../relation-sizes.ts';
import { SqlError } from '../sql-error.ts';
import { formatText } from '../types/text-form.ts';
import { type SqlType, type SqlValue, typeInfo } from '../types/types.ts';
import type { FunctionTable, KernelBuilder, RunContext } from './definition.ts';

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;
const SMALL = 10_240n;
const INT8_MAX = 2n ** 63n - 1n;

function pretty(bytes: bigint): string {
  let size = bytes;
  for (let i = 0; i < UNITS.length; i++) {
    const magnitude = size < 0n ? -size : size;
    if (magnitude < SMALL || i === UNITS.length - 1) return `${size} ${UNITS[i]}`;
    // Halves round away from zero.
    size = size < 0n ? (size - 512n) / 1_024n : (size + 512n) / 1_024n;
  }
  return `${size} PB`;
}

function prettyNumeric(size: Numeric, context: RunContext): string {
  const whole = size.isFinite ? size.digits / 10n ** BigInt(size.scale) : 0n;
  return whole < SMALL && whole > -SMALL ? `${formatText('numeric', size, context)} bytes` : pretty(whole);
}

/** @throws SqlError `invalid_parameter_value`, `numeric_value_out_of_range`. */
function bytesOf(text: string): bigint {
  const match = /^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([\s\S]*?)\s*$/.exec(text);
  if (match === null) throw new SqlError('invalid_parameter_value', `invalid size: "${text}"`);
  const unit = match[2] === '' ? 0 : UNITS.findIndex((each) => each.toLowerCase() === match[2]!.toLowerCase());
  if (unit < 0) {
    throw new SqlError('invalid_parameter_value', `invalid size: "${text}"`, {
      detail: `Invalid size unit: "${match[2]}".`,
      hint: 'Valid units are "bytes", "kB", "MB", "GB", "TB", and "PB".',
    });
  }
  const number = parseNumeric(match[1]!);
  if (!(number instanceof Numeric)) {
    throw new SqlError('numeric_value_out_of_range', 'value overflows numeric format');
  }
  const one = 10n ** BigInt(number.scale);
  const digits = number.digits * 1_024n ** BigInt(unit);
  const half = digits < 0n ? -one : one;
  const bytes = (2n * digits + half) / (2n * one);
  if (bytes > INT8_MAX || bytes < -INT8_MAX - 1n) {
    throw new SqlError('numeric_value_out_of_range', 'bigint out of range');
  }
  return bytes;
}

const HEADER_BYTES = 4;

/** As PostgreSQL holds the value in memory, not packed and not compressed. */
function valueSize(type: SqlType, value: SqlValue, context: RunContext): number {
  const { size } = typeInfo(type);
  if (size > 0) return size;
  if (value instanceof Numeric) return HEADER_BYTES + numericSize(value);
  if (value instanceof Uint8Array) return HEADER_BYTES + value.length;
  if (value instanceof SqlArray) return arraySize(value, context);
  const text = typeof value === 'string' ? value : formatText(type, value as never, context);
  return Buffer.byteLength(text) + (type === 'unknown' ? 1 : HEADER_BYTES);
}

/** Two bytes, or four where scale or magnitude are large, and two for each four decimal digits. */
function numericSize(value: Numeric): number {
  if (!value.isFinite) return 2;
  const { digits, scale } = value;
  const text = String(digits < 0n ? -digits : digits).padStart(scale + 1, '0');
  const whole = text.slice(0, text.length - scale).replace(/^0+/, '');
  const fraction = text.slice(text.length - scale);
  const groups = [
    ...(whole.padStart(Math.ceil(whole.length / 4) * 4, '0').match(/.{4}/g) ?? []),
    ...(fraction.padEnd(Math.ceil(fraction.length / 4) * 4, '0').match(/.{4}/g) ?? []),
  ];
  const first = groups.findIndex((group) => group !== '0000');
  const last = groups.findLastIndex((group) => group !== '0000');
  const weight = Math.ceil(whole.length / 4) - 1 - Math.max(first, 0);
  const isShort = scale <= 63 && weight >= -64 && weight <= 63;
  return (isShort ? 2 : 4) + (first < 0 ? 0 : 2 * (last - first + 1));
}

function arraySize({ element, dimensions, values }: SqlArray, context: RunContext): number {
  const nulls = values.some((value) => value === null);
  const header = 16 + 8 * dimensions.length + (nulls ? Math.ceil(values.length / 8) : 0);
  let bytes = nulls ? Math.ceil(header / 8) * 8 : header;
  for (const value of values) {
    if (value === null) continue;
    const size = valueSize(element, value, context);
    const { size: fixed } = typeInfo(element);
    const alignment = fixed > 0 ? Math.min(fixed, 8) : 4;
    bytes = Math.ceil(bytes / alignment) * alignment + size;
  }
  return typeInfo(element).size > 0 ? bytes : Math.ceil(bytes / 4) * 4;
}

const COLUMN_SIZE: KernelBuilder = {
  build:
    ([type]) =>
    (value: SqlValue, context: RunContext) =>
      valueSize(type!, value, context),
};

function sizes({ session }: RunContext): SizeAccess {
  assert(session.sizes !== undefined, 'a volatile function is computed in a session');
  return session.sizes;
}

const total = (oid: number, context: RunContext) => sizes(context).relation(oid, 'all');
const main = (oid: number, context: RunContext) => sizes(context).relation(oid, 'main');

/** All that there is lies in the first. */
const TABLESPACES = [
  { oid: 1663, name: 'pg_default', isShared: false },
  { oid: 1664, name: 'pg_global', isShared: true },
] as const;

export const SIZE_FUNCTIONS: FunctionTable = {
  'pg_size_pretty(int8) text': pretty,
  'pg_size_pretty(numeric) text': prettyNumeric,
  'pg_size_bytes(text) int8': bytesOf,
  'pg_column_size(any) int4 stable': COLUMN_SIZE,
  'pg_relation_size(regclass) int8 volatile waits': main,
  'pg_relation_size(regclass, text) int8 volatile waits': (oid: number, fork: string, context: RunContext) => {
    if (fork === 'main') return main(oid, context);
    if (['fsm', 'vm', 'init'].includes(fork)) return 0n;
    throw new SqlError('invalid_parameter_value', 'invalid fork name', {
      hint: 'Valid fork names are "main", "fsm", "vm", and "init".',
    });
  },
  'pg_table_size(regclass) int8 volatile waits': main,
  'pg_indexes_size(regclass) int8 volatile waits': (oid: number, context: RunContext) =>
    sizes(context).relation(oid, 'indexes'),
  'pg_total_relation_size(regclass) int8 volatile waits': total,
  'pg_database_size(name) int8 volatile waits': (name: string, context: RunContext) => {
    if (name === context.session.database) return sizes(context).database();
    throw new SqlError('invalid_catalog_name', `database "${name}" does not exist`);
  },
  'pg_tablespace_size(name) int8 volatile waits': (name: string, context: RunContext) => {
    const found = TABLESPACES.find((each) => each.name === name);
    if (found !== undefined) return found.isShared ? 0n : sizes(context).database();
    throw new SqlError('undefined_object', `tablespace "${name}" does not exist`);
  },
  'pg_tablespace_size(oid) int8 volatile waits': (oid: number, context: RunContext) => {
    const found = TABLESPACES.find((each) => each.oid === oid);
    if (found === undefined) return null;
    return found.isShared ? 0n : sizes(context).database();
  },
  'pg_database_size(oid) int8 volatile waits': (_: number, context: RunContext) => sizes(context).database(),
};
