/** Functions of several sections of the manual that stand for themselves: identifiers, escapes, buckets, networks, bytes. */

import { Inet, SqlArray, type TimeTz } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { castFor, integerFrom } from '../types/cast.ts';
import { compareFor } from '../types/compare.ts';
import { maskedBytes } from '../types/network.ts';
import { checkedTimestamp, instantOfLocal, isInfinite } from '../types/timestamptz.ts';
import { elementOf, type SqlValue } from '../types/types.ts';
import type { FunctionTable, KernelBuilder, RunContext } from './definition.ts';

/** Manual, 9.4: a qualified identifier in parts. */
function parseIdentifier(text: string, strict: boolean): SqlArray {
  const invalid = (detail?: string): SqlError =>
    new SqlError('invalid_parameter_value', `string is not a valid identifier: "${text}"`, { detail });
  const parts: string[] = [];
  let rest = text.trimStart();
  for (let afterDot = false; ; afterDot = true) {
    const quoted = /^"((?:[^"]|"")*)"/.exec(rest);
    const plain = /^[\p{L}_\u0080-\uffff][\p{L}\p{N}_$\u0080-\uffff]*/u.exec(rest);
    if (quoted !== null) {
      if (quoted[1] === '') throw invalid('Quoted identifier must not be empty.');
      parts.push(quoted[1]!.replaceAll('""', '"'));
      rest = rest.slice(quoted[0].length);
    } else if (plain !== null) {
      parts.push(plain[0].toLowerCase());
      rest = rest.slice(plain[0].length);
    } else if (rest.startsWith('"')) throw invalid('String has unclosed double quotes.');
    else if (rest.startsWith('.')) throw invalid('No valid identifier before ".".');
    else if (afterDot) throw invalid('No valid identifier after ".".');
    else throw invalid();
    rest = rest.trimStart();
    if (rest.startsWith('.')) {
      rest = rest.slice(1).trimStart();
      continue;
    }
    if (rest !== '' && strict) throw invalid();
    return new SqlArray('text', parts);
  }
}

/** Manual, 9.4: `\XXXX`, `\+XXXXXX`, `\uXXXX`, `\UXXXXXXXX`, and `\\`. */
function unescapeUnicode(text: string): string {
  const invalidPair = (): SqlError => new SqlError('syntax_error', 'invalid Unicode surrogate pair');
  let high = '';
  const unescaped = text.replace(
    /[^\\]|\\(?:(\\)|([0-9a-fA-F]{4})|\+([0-9a-fA-F]{6})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|)/g,
    (whole, backslash?: string, ...codes: (string | undefined)[]) => {
      if (whole === '\\\\' || whole[0] !== '\\') {
        if (high !== '') throw invalidPair();
        return backslash ?? whole;
      }
      const code = codes.slice(0, 4).find((each) => each !== undefined);
      if (code === undefined) {
        throw new SqlError('syntax_error', 'invalid Unicode escape', {
          hint: 'Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.',
        });
      }
      const point = Number.parseInt(code, 16);
      if (point === 0 || point > 0x10_ffff) {
        throw new SqlError(
          'invalid_parameter_value',
          `invalid Unicode code point: ${point.toString(16).toUpperCase().padStart(4, '0')}`,
        );
      }
      const isLow = point >= 0xdc00 && point <= 0xdfff;
      if (isLow === (high === '')) throw invalidPair();
      const unit = high + String.fromCodePoint(point);
      high = point >= 0xd800 && point <= 0xdbff ? unit : '';
      return high === '' ? unit : '';
    },
  );
  if (high !== '') throw invalidPair();
  return unescaped;
}

/** How many of the thresholds, which are sorted, are not above the value. */
const BUCKET: KernelBuilder = {
  build: ([, array]) => {
    const compare = compareFor(elementOf(array!)!);
    return (value: Exclude<SqlValue, null>, { values, dimensions }: SqlArray) => {
      if (dimensions.length > 1) {
        throw new SqlError('array_subscript_error', 'thresholds must be one-dimensional array');
      }
      if (values.includes(null)) {
        throw new SqlError('null_value_not_allowed', 'thresholds array must not contain NULLs');
      }
      let low = 0;
      let high = values.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (compare(value, values[middle]!) < 0) high = middle;
        else low = middle + 1;
      }
      return low;
    };
  },
};

function overlay(bytes: Uint8Array, replacement: Uint8Array, from: number, count: number): Uint8Array {
  if (from <= 0) throw new SqlError('substring_error', 'negative substring length not allowed');
  integerFrom('int4', from + count);
  return Buffer.concat([bytes.subarray(0, from - 1), replacement, bytes.subarray(Math.max(0, from - 1 + count))]);
}

/** The smallest network that holds both. */
function mergeNetworks(a: Inet, b: Inet): Inet {
  if (a.bytes.length !== b.bytes.length) {
    throw new SqlError('invalid_parameter_value', 'cannot merge addresses from different families');
  }
  let bits = 0;
  const most = Math.min(a.bits, b.bits);
  const bit = ({ bytes }: Inet, at: number): number => (bytes[at >> 3]! >> (7 - (at & 7))) & 1;
  while (bits < most && bit(a, bits) === bit(b, bits)) bits++;
  return new Inet(maskedBytes(new Inet(a.bytes, bits)), bits);
}

const pointOfDate = castFor('date', 'timestamp')!;

/** A time of day on a day; an infinite day stays what it is. */
function joined(days: number, micros: number, context: RunContext): bigint {
  const midnight = pointOfDate(days, context) as bigint;
  return isInfinite(midnight) ? midnight : checkedTimestamp(midnight + BigInt(micros));
}

export const FURTHER_FUNCTIONS: FunctionTable = {
  'timestamp(date, time) timestamp': joined,
  'timestamptz(date, time) timestamptz stable': (days: number, micros: number, context: RunContext) => {
    const local = joined(days, micros, context);
    return isInfinite(local) ? local : instantOfLocal(local, context.zone);
  },
  'timestamptz(date, timetz) timestamptz': (days: number, { micros, offset }: TimeTz, context: RunContext) => {
    const local = joined(days, micros, context);
    return isInfinite(local) ? local : local - BigInt(offset) * 1_000_000n;
  },
  'parse_ident(str text, strict bool = true) _text': parseIdentifier,
  'unistr(text) text': unescapeUnicode,
  'pg_client_encoding() name stable': () => 'UTF8',
  'width_bucket(anycompatible, anycompatiblearray) int4': BUCKET,
  'overlay(bytea, bytea, int4, int4) bytea': overlay,
  'overlay(bytea, bytea, int4) bytea': (bytes: Uint8Array, replacement: Uint8Array, from: number) =>
    overlay(bytes, replacement, from, replacement.length),
  'inet_merge(inet, inet) cidr': mergeNetworks,
};
