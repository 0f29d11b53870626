/** Functions and operators of ranges (manual, 9.20) and of network addresses (9.12). */

import { Inet, SqlRange } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { abbreviated, containsInet, formatHost, formatInet, maskedBytes } from '../types/network.ts';
import { canonicalRange, RangeAlgebra } from '../types/ranges.ts';
import { type SqlType, type SqlValue, typeInfo } from '../types/types.ts';
import type { FunctionTable, KernelBuilder } from './definition.ts';

type Value = Exclude<SqlValue, null>;

function algebra(run: (ranges: RangeAlgebra) => (...args: never[]) => SqlValue): KernelBuilder {
  return { build: (types) => run(new RangeAlgebra(types.find((type) => typeInfo(type).kind === 'r')!)) };
}

type Pair = (a: SqlRange, b: SqlRange) => SqlValue;
const pair = (run: (ranges: RangeAlgebra) => Pair): KernelBuilder => algebra((ranges) => run(ranges));

export const RANGE_OPERATORS: FunctionTable = {
  '@>(anyrange, anyrange) bool': pair((r) => (a, b) => r.contains(a, b)),
  '<@(anyrange, anyrange) bool': pair((r) => (a, b) => r.contains(b, a)),
  '@>(anyrange, anyelement) bool': algebra((r) => (range: SqlRange, value: Value) => r.containsElement(range, value)),
  '<@(anyelement, anyrange) bool': algebra((r) => (value: Value, range: SqlRange) => r.containsElement(range, value)),
  '&&(anyrange, anyrange) bool': pair((r) => (a, b) => r.overlaps(a, b)),
  '<<(anyrange, anyrange) bool': pair((r) => (a, b) => r.before(a, b)),
  '>>(anyrange, anyrange) bool': pair((r) => (a, b) => r.before(b, a)),
  '&<(anyrange, anyrange) bool': pair((r) => (a, b) => r.notRightOf(a, b)),
  '&>(anyrange, anyrange) bool': pair((r) => (a, b) => r.notLeftOf(a, b)),
  '-|-(anyrange, anyrange) bool': pair((r) => (a, b) => r.adjacent(a, b)),
  '+(anyrange, anyrange) anyrange': pair((r) => (a, b) => r.union(a, b, true)),
  '*(anyrange, anyrange) anyrange': pair((r) => (a, b) => r.intersect(a, b)),
  '-(anyrange, anyrange) anyrange': pair((r) => (a, b) => r.minus(a, b)),
};

function constructed(type: SqlType) {
  return (lower: SqlValue, upper: SqlValue, flags: string | null = '[)'): SqlRange => {
    if (flags === null) throw new SqlError('data_exception', 'range constructor flags argument must not be null');
    if (!/^[[(][\])]$/.test(flags)) {
      throw new SqlError('syntax_error', 'invalid range bound flags', {
        hint: 'Valid values are "[]", "[)", "(]", and "()".',
      });
    }
    return canonicalRange(type, new SqlRange(lower, upper, flags[0] === '[', flags[1] === ']'));
  };
}

/** What makes a range of its bounds, for each type of ranges under its own name. */
export function constructorsOf(type: SqlType): FunctionTable {
  const element = typeInfo(type).element!;
  const make = constructed(type);
  return {
    [`${type}(${element}, ${element}) ${type} called`]: (lower: SqlValue, upper: SqlValue) => make(lower, upper),
    [`${type}(${element}, ${element}, text) ${type} called`]: (
      lower: SqlValue,
      upper: SqlValue,
      flags: string | null,
    ) => make(lower, upper, flags),
  };
}

const BUILTIN: readonly SqlType[] = ['int4range', 'int8range', 'numrange', 'tsrange', 'tstzrange', 'daterange'];

export const RANGE_FUNCTIONS: FunctionTable = {
  ...Object.assign({}, ...BUILTIN.map(constructorsOf)),
  'lower(anyrange) anyelement': (range: SqlRange) => range.lower,
  'upper(anyrange) anyelement': (range: SqlRange) => range.upper,
  'isempty(anyrange) bool': (range: SqlRange) => range.empty,
  'lower_inc(anyrange) bool': (range: SqlRange) => range.lowerInclusive,
  'upper_inc(anyrange) bool': (range: SqlRange) => range.upperInclusive,
  'lower_inf(anyrange) bool': (range: SqlRange) => !range.empty && range.lower === null,
  'upper_inf(anyrange) bool': (range: SqlRange) => !range.empty && range.upper === null,
  'range_merge(anyrange, anyrange) anyrange': pair((r) => (a, b) => r.union(a, b, false)),
};

const all = (inet: Inet): number => inet.bytes.length * 8;

function shifted(inet: Inet, by: bigint): Inet {
  let value = by;
  for (const [i, byte] of inet.bytes.entries()) value += BigInt(byte) << BigInt((inet.bytes.length - 1 - i) * 8);
  if (value < 0n || value >= 1n << BigInt(all(inet)))
    throw new SqlError('numeric_value_out_of_range', 'result is out of range');
  const bytes = inet.bytes.map((_, i) => Number((value >> BigInt((inet.bytes.length - 1 - i) * 8)) & 255n));
  return new Inet(bytes, inet.bits);
}

function numberOf({ bytes }: Inet): bigint {
  let value = 0n;
  for (const byte of bytes) value = value * 256n + BigInt(byte);
  return value;
}

function bytewise(name: 'AND' | 'OR', a: Inet, b: Inet, run: (x: number, y: number) => number): Inet {
  if (a.bytes.length !== b.bytes.length) {
    throw new SqlError('invalid_parameter_value', `cannot ${name} inet values of different sizes`);
  }
  return new Inet(
    a.bytes.map((byte, i) => run(byte, b.bytes[i]!) & 255),
    Math.max(a.bits, b.bits),
  );
}

/** @param bits -1 for all of them. @throws SqlError `invalid_parameter_value`. */
function masked(inet: Inet, bits: number): Inet {
  const wanted = bits === -1 ? all(inet) : bits;
  if (wanted < 0 || wanted > all(inet)) throw new SqlError('invalid_parameter_value', `invalid mask length: ${bits}`);
  return new Inet(inet.bytes, wanted);
}

export const NETWORK_OPERATORS: FunctionTable = {
  '<<(inet, inet) bool': (a: Inet, b: Inet) => containsInet(b, a, true),
  '<<=(inet, inet) bool': (a: Inet, b: Inet) => containsInet(b, a, false),
  '>>(inet, inet) bool': (a: Inet, b: Inet) => containsInet(a, b, true),
  '>>=(inet, inet) bool': (a: Inet, b: Inet) => containsInet(a, b, false),
  '&&(inet, inet) bool': (a: Inet, b: Inet) => containsInet(a, b, false) || containsInet(b, a, false),
  '~(inet) inet': (inet: Inet) =>
    new Inet(
      inet.bytes.map((byte) => ~byte & 255),
      inet.bits,
    ),
  '&(inet, inet) inet': (a: Inet, b: Inet) => bytewise('AND', a, b, (x, y) => x & y),
  '|(inet, inet) inet': (a: Inet, b: Inet) => bytewise('OR', a, b, (x, y) => x | y),
  '+(inet, int8) inet': shifted,
  '+(int8, inet) inet': (by: bigint, inet: Inet) => shifted(inet, by),
  '-(inet, int8) inet': (inet: Inet, by: bigint) => shifted(inet, -by),
  '-(inet, inet) int8': (a: Inet, b: Inet) => {
    if (a.bytes.length === b.bytes.length) {
      const distance = numberOf(a) - numberOf(b);
      if (BigInt.asIntN(64, distance) === distance) return distance;
      throw new SqlError('numeric_value_out_of_range', 'result is out of range');
    }
    throw new SqlError('invalid_parameter_value', 'cannot subtract inet values of different sizes');
  },
};

export const NETWORK_FUNCTIONS: FunctionTable = {
  'host(inet) text': formatHost,
  'text(inet) text': (inet: Inet) => `${formatHost(inet)}/${inet.bits}`,
  'abbrev(inet) text': (inet: Inet) => formatInet(inet, 'inet'),
  'abbrev(cidr) text': abbreviated,
  'family(inet) int4': (inet: Inet) => (inet.bytes.length === 4 ? 4 : 6),
  'masklen(inet) int4': (inet: Inet) => inet.bits,
  'network(inet) cidr': (inet: Inet) => new Inet(maskedBytes(inet), inet.bits),
  'broadcast(inet) inet': (inet: Inet) => new Inet(maskedBytes(inet, 1), inet.bits),
  'netmask(inet) inet': (inet: Inet) =>
    new Inet(
      maskedBytes(
        new Inet(
          inet.bytes.map(() => 255),
          inet.bits,
        ),
      ),
      all(inet),
    ),
  'hostmask(inet) inet': (inet: Inet) =>
    new Inet(
      maskedBytes(
        new Inet(
          inet.bytes.map(() => 0),
          inet.bits,
        ),
        1,
      ),
      all(inet),
    ),
  'set_masklen(inet, int4) inet': masked,
  // A network has no bits to the right of its mask.
  'set_masklen(cidr, int4) cidr': (network: Inet, bits: number) => {
    const value = masked(network, bits);
    return new Inet(maskedBytes(value), value.bits);
  },
  'inet_same_family(inet, inet) bool': (a: Inet, b: Inet) => a.bytes.length === b.bytes.length,
};
