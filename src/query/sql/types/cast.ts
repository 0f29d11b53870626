/**
 * Turning a value of one type into another, after `canCast` allowed it: PostgreSQL's rounding, ranges and messages.
 */

import { INT64_MAX, INT64_MIN } from '../../../base/value.ts';
import { NUMERIC_INFINITY, NUMERIC_MINUS_INFINITY, NUMERIC_NAN, Numeric } from '../../../models/relational/numeric.ts';
import { withoutPadding } from '../../../models/relational/padding.ts';
import {
  Inet,
  Interval,
  type Jsonb,
  SqlArray,
  type SqlRange,
  SqlRecord,
  TimeTz,
} from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { bitsOfInteger, integerOfBits } from './bit-strings.ts';
import { DAY_MICROS } from './interval.ts';
import { isJsonArray, isJsonObject, parseJsonb } from './json-value.ts';
import { mac8OfMac, macOfMac8 } from './mac-addresses.ts';
import { applyModifier } from './modifiers.ts';
import { multirange } from './multiranges.ts';
import { formatHost, maskedBytes } from './network.ts';
import { integerOfNumeric, numericOf } from './numeric-arithmetic.ts';
import { parseObject } from './object-names.ts';
import {
  charOfByte,
  formatChar,
  formatText,
  parseChar,
  parseNumericText,
  parseText,
  truncateName,
} from './text-form.ts';
import {
  checkedTimestamp,
  INFINITY_MICROS,
  instantOfLocal,
  isInfinite,
  joinLocal,
  localOfInstant,
  MINUS_INFINITY_MICROS,
  splitLocal,
  type TimeContext,
  wholeSeconds,
} from './timestamptz.ts';
import {
  baseOf,
  castPath,
  domainCheckOf,
  isInteger,
  isString,
  type SqlType,
  type SqlValue,
  titleOf,
  typeInfo,
} from './types.ts';

type Value = Exclude<SqlValue, null>;
export type Cast = (value: Value, context: TimeContext) => SqlValue;

const identity: Cast = (value) => value;

/**
 * A cast of dates and points in time that serves comparing only: what is too early or too late for the other type is so for every value of
 * it, but for the infinities.
 */
export function comparableCast(cast: Cast | undefined, from: SqlType): Cast | undefined {
  if (cast === undefined || (from !== 'date' && from !== 'timestamp')) return cast;
  return (value, context) => {
    try {
      return cast(value, context);
    } catch (error) {
      if (!(error instanceof SqlError) || error.condition !== 'datetime_field_overflow') throw error;
      return (value as number | bigint) > 0 ? INFINITY_MICROS - 1n : MINUS_INFINITY_MICROS + 1n;
    }
  };
}

/** Undefined when the value stays as it is. */
export function castFor(from: SqlType, to: SqlType): Cast | undefined {
  const cast = makeChecked(from, to);
  return cast === identity ? undefined : cast;
}

/** A value that becomes one of a domain has to pass its checks; those of null are the caller's. */
function makeChecked(from: SqlType, to: SqlType): Cast {
  const cast = makeCast(baseOf(from), baseOf(to));
  const check = from === to ? undefined : domainCheckOf(to);
  if (check === undefined) return cast;
  const { base, modifier } = domainStorage(to);
  return (value, context) => {
    const based = applyModifier(base, modifier, cast(value, context), false);
    check(based, context);
    return based;
  };
}

/** What values of a domain are below all domains, and the modifier that the nearest of them gives. */
export function domainStorage(domain: SqlType): { readonly base: SqlType; readonly modifier: number } {
  let info = typeInfo(domain);
  let modifier = -1;
  while (info.base !== undefined) {
    if (modifier < 0) modifier = info.modifier ?? -1;
    info = typeInfo(info.base);
  }
  return { base: info.type, modifier };
}

function makeCast(from: SqlType, to: SqlType): Cast {
  if (from === to) return identity;
  if (from === 'unknown')
    return toTextOnly(to) ? identity : (value, context) => parseText(to, value as string, context);
  switch (castPath(from, to, 'explicit')) {
    case 'same':
      return identity;
    case 'text':
      return throughText(from, to);
    case 'elements': {
      const element = typeInfo(to).element!;
      const cast = makeChecked(typeInfo(from).element!, element);
      const check = domainCheckOf(element);
      const castElement = (each: SqlValue, context: TimeContext): SqlValue => {
        if (each !== null) return cast(each, context);
        check?.(null, context);
        return null;
      };
      return (value, context) => {
        const { values, dimensions, lowers } = value as SqlArray;
        const made = values.map((each) => castElement(each, context));
        return new SqlArray(element as SqlArray['element'], made as SqlArray['values'], dimensions, lowers);
      };
    }
    case 'function':
      return castByFunction(from, to);
    default:
      throw new SqlError('cannot_coerce', `cannot cast type ${titleOf(from)} to ${titleOf(to)}`);
  }
}

function toTextOnly(to: SqlType): boolean {
  return to === 'text' || to === 'varchar' || to === 'bpchar' || to === 'cstring';
}

function throughText(from: SqlType, to: SqlType): Cast {
  const isText = from === 'text' || from === 'varchar' || from === 'name';
  const print: (value: Value, context: TimeContext) => string = isText
    ? (value) => value as string
    : from === 'bpchar'
      ? // What is no string takes it as it is written, with the spaces that fill it up.
        (value) => (toTextOnly(to) ? withoutPadding(value as string) : (value as string))
      : (value, context) => formatText(from, value, context);
  return toTextOnly(to) ? print : (value, context) => parseText(to, print(value, context), context);
}

const isOid = (type: SqlType): boolean => type === 'oid' || type.startsWith('reg');

/** What `castRule` allows. */
function castByFunction(from: SqlType, to: SqlType): Cast {
  if (isString(to)) return toStringType(from, to);
  if (isOid(to)) return toOid(from, to);
  if (isOid(from)) return to === 'int8' ? (value) => BigInt(value as number) : (value) => (value as number) | 0;
  if (from === 'jsonb') return ofJsonb(to);
  if (from === 'bit' && isInteger(to)) return (value) => integerOfBits(value as string, to);
  if (to === 'bit' && isInteger(from)) return integerToBits(-1);
  if (isInteger(to)) {
    switch (from) {
      case 'bool':
        return (value) => (value === true ? 1 : 0);
      case 'char':
        return (value) => (value === '' ? 0 : ((value as string).charCodeAt(0) << 24) >> 24);
      case 'numeric':
        return (value) => integerFrom(to, integerOfNumeric(value as Numeric, titleOf(to)));
      case 'float4':
      case 'float8':
        return (value) => integerFromFloat(to, value as number);
      default:
        return from === 'int2' && to === 'int4' ? identity : (value) => integerFrom(to, value as number | bigint);
    }
  }
  switch (to) {
    case 'float8':
      return from === 'float4' ? identity : (value) => floatFrom(to, value as number | bigint | Numeric);
    case 'float4':
      return (value) => floatFrom(to, value as number | bigint | Numeric);
    case 'numeric':
      if (from === 'float8') return (value) => numericFromFloat(value as number, 15);
      return from === 'float4'
        ? (value) => numericFromFloat(value as number, 6)
        : (value) => numericOf(value as number);
    case 'bool':
      return (value) => value !== 0;
    case 'char':
      return from === 'int4'
        ? (value) => {
            const code = value as number;
            if (code < -128 || code > 127) throw new SqlError('numeric_value_out_of_range', '"char" out of range');
            return charOfByte(code & 255);
          }
        : (value) => parseChar(value as string);
    case 'jsonb':
      return (value) => parseJsonb(value as string);
    case 'cidr':
      return (value) => new Inet(maskedBytes(value as Inet), (value as Inet).bits);
    case 'inet':
    case 'bit':
    case 'varbit':
      return identity;
    case 'macaddr':
      return (value) => macOfMac8(value as string);
    case 'macaddr8':
      return (value) => mac8OfMac(value as string);
    case 'xid':
      return (value) => Number(BigInt.asUintN(32, value as bigint));
    default:
      if (typeInfo(to).kind === 'm') return (value) => multirange(from, [value as SqlRange]);
      if (typeInfo(to).fields !== undefined) return toComposite(to);
      return ofTime(from, to);
  }
}

/** Numbers fill bits from their end, other than what is cut to a length. @param length A modifier of `bit`. */
export function integerToBits(length: number): Cast {
  return (value) => bitsOfInteger(value as number | bigint, length);
}

function toComposite(to: SqlType): Cast {
  const fields = typeInfo(to).fields!;
  return (value, context) => {
    const { types, values } = value as SqlRecord;
    if (values.length !== fields.length) {
      throw new SqlError('cannot_coerce', `cannot cast type record to ${titleOf(to)}`, {
        detail: values.length < fields.length ? 'Input has too few columns.' : 'Input has too many columns.',
      });
    }
    const cast = fields.map((field, i) => {
      const each = values[i]!;
      if (each !== null) {
        const made = makeChecked(types[i]!, field.type)(each, context);
        return applyModifier(field.type, field.modifier, made, true);
      }
      domainCheckOf(field.type)?.(null, context);
      return null;
    });
    return new SqlRecord(fields.map((field) => field.type) as SqlRecord['types'], cast);
  };
}

function toStringType(from: SqlType, to: SqlType): Cast {
  if (to === 'name')
    return (value) => truncateName(from === 'bpchar' ? withoutPadding(value as string) : (value as string));
  if (from === 'bool') return (value) => (value === true ? 'true' : 'false');
  if (from === 'char') return (value) => formatChar(value as string);
  if (from === 'bpchar') return (value) => withoutPadding(value as string);
  if (from === 'inet' || from === 'cidr') return (value) => `${formatHost(value as Inet)}/${(value as Inet).bits}`;
  return identity;
}

function toOid(from: SqlType, to: SqlType): Cast {
  if (isOid(from)) return identity;
  if (isString(from)) return (value, context) => parseObject(to, value as string, context);
  if (from !== 'int8') return (value) => (value as number) >>> 0;
  return (value) => {
    const oid = value as bigint;
    if (oid >= 0n && oid <= 4_294_967_295n) return Number(oid);
    throw new SqlError('numeric_value_out_of_range', 'OID out of range');
  };
}

function ofJsonb(to: SqlType): Cast {
  if (to === 'json') return (value) => (value as Jsonb).text;
  return (value, context) => {
    const { tree } = value as Jsonb;
    if (to === 'bool' ? typeof tree === 'boolean' : tree instanceof Numeric) {
      return to === 'bool' || to === 'numeric'
        ? (tree as boolean | Numeric)
        : makeCast('numeric', to)(tree as Numeric, context);
    }
    const kind =
      tree === null
        ? 'null'
        : isJsonObject(tree)
          ? 'object'
          : isJsonArray(tree)
            ? 'array'
            : typeof tree === 'object'
              ? 'numeric'
              : typeof tree;
    throw new SqlError('invalid_parameter_value', `cannot cast jsonb ${kind} to type ${titleOf(to)}`);
  };
}

function ofDate(days: number): bigint {
  if (!Number.isFinite(days)) return days > 0 ? INFINITY_MICROS : MINUS_INFINITY_MICROS;
  const micros = joinLocal(days, 0);
  try {
    return checkedTimestamp(micros);
  } catch {
    throw new SqlError('datetime_field_overflow', 'date out of range for timestamp');
  }
}

function toDate(local: bigint): number {
  if (isInfinite(local)) return local > 0n ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  return splitLocal(local)[0];
}

function ofTime(from: SqlType, to: SqlType): Cast {
  switch (`${from} ${to}`) {
    case 'date timestamp':
      return (value) => ofDate(value as number);
    case 'date timestamptz':
      return (value, { zone }) => {
        const local = ofDate(value as number);
        try {
          return instantOfLocal(local, zone);
        } catch (error) {
          if (!(error instanceof SqlError)) throw error;
          throw new SqlError('datetime_field_overflow', 'date out of range for timestamp', { cause: error });
        }
      };
    case 'timestamp timestamptz':
      return (value, { zone }) => instantOfLocal(value as bigint, zone);
    case 'timestamptz timestamp':
      return (value, { zone }) => localOfInstant(value as bigint, zone);
    case 'timestamp date':
      return (value) => toDate(value as bigint);
    case 'timestamptz date':
      return (value, { zone }) => toDate(localOfInstant(value as bigint, zone));
    case 'timestamp time':
      return (value) => (isInfinite(value as bigint) ? null : splitLocal(value as bigint)[1]);
    case 'timestamptz time':
      return (value, { zone }) =>
        isInfinite(value as bigint) ? null : splitLocal(localOfInstant(value as bigint, zone))[1];
    case 'timestamptz timetz':
      return (value, { zone }) => {
        const instant = value as bigint;
        if (isInfinite(instant)) return null;
        return new TimeTz(splitLocal(localOfInstant(instant, zone))[1], zone.offsetAt(wholeSeconds(instant)));
      };
    case 'time interval':
      return (value) => new Interval(0, 0, BigInt(value as number));
    case 'time timetz':
      return (value, { zone, nowMicros }) => {
        const today = splitLocal(localOfInstant(nowMicros, zone))[0];
        const local = joinLocal(today, value as number);
        return new TimeTz(value as number, Number((local - instantOfLocal(local, zone)) / 1_000_000n));
      };
    case 'interval time':
      return (value) => {
        const rest = (value as Interval).micros % DAY_MICROS;
        return Number(rest < 0n ? rest + DAY_MICROS : rest);
      };
    case 'timetz time':
      return (value) => (value as TimeTz).micros;
    default:
      throw new SqlError('cannot_coerce', `cannot cast type ${titleOf(from)} to ${titleOf(to)}`);
  }
}

const RANGES = { int2: 32_768, int4: 2_147_483_648 } as const;

/** @throws SqlError `numeric_value_out_of_range`. */
export function integerFrom(type: 'int2' | 'int4' | 'int8', value: number | bigint): number | bigint {
  if (type === 'int8') {
    if (typeof value === 'number') return BigInt(value);
    if (value >= INT64_MIN && value <= INT64_MAX) return value;
  } else {
    const range = RANGES[type];
    const number = Number(value);
    if (number >= -range && number < range) return number;
  }
  throw new SqlError('numeric_value_out_of_range', `${titleOf(type)} out of range`);
}

function integerFromFloat(type: 'int2' | 'int4' | 'int8', value: number): number | bigint {
  const rounded = roundHalfEven(value);
  // 2^63 is a double, 2^63 - 1 is not: the comparison must be exact before the conversion.
  if (!Number.isFinite(rounded) || (type === 'int8' && (rounded < -(2 ** 63) || rounded >= 2 ** 63))) {
    throw new SqlError('numeric_value_out_of_range', `${titleOf(type)} out of range`);
  }
  return integerFrom(type, type === 'int8' ? BigInt(rounded) : rounded === 0 ? 0 : rounded);
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** @throws SqlError `numeric_value_out_of_range`. */
export function floatFrom(type: 'float4' | 'float8', value: number | bigint | Numeric): number {
  const exact = value instanceof Numeric ? numberOf(value) : Number(value);
  const result = type === 'float4' ? Math.fround(exact) : exact;
  if (
    value instanceof Numeric
      ? value.isFinite && !Number.isFinite(result)
      : !Number.isFinite(result) && Number.isFinite(Number(value))
  ) {
    if (typeof value === 'number') throw new SqlError('numeric_value_out_of_range', 'value out of range: overflow');
    throw new SqlError('numeric_value_out_of_range', `"${value}" is out of range for type ${titleOf(type)}`);
  }
  if (type === 'float4' && result === 0 && exact !== 0) {
    if (typeof value === 'number') throw new SqlError('numeric_value_out_of_range', 'value out of range: underflow');
    throw new SqlError('numeric_value_out_of_range', `"${value}" is out of range for type ${titleOf(type)}`);
  }
  return result;
}

/** The nearest double. */
export function numberOf(value: Numeric): number {
  return Number(value.toString());
}

/** With as many significant digits as the type surely has, without the zeros that fill them up. */
export function numericFromFloat(value: number, digits: number): Numeric {
  if (Number.isNaN(value)) return NUMERIC_NAN;
  if (!Number.isFinite(value)) return value > 0 ? NUMERIC_INFINITY : NUMERIC_MINUS_INFINITY;
  const rounded = Number(value.toPrecision(digits));
  // At either end rounding leaves what a double can be, or knows fewer digits than it is asked for.
  const isPlain = Number.isFinite(rounded) && Math.abs(value) >= 1e-290;
  return parseNumericText(isPlain || value === 0 ? String(rounded) : value.toPrecision(digits).replace(/\.?0+e/, 'e'));
}
