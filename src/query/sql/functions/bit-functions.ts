/** Functions and operators of bit strings (manual, 9.6) and of addresses of network cards (9.12). */

import { SqlError } from '../sql-error.ts';
import { integerFrom } from '../types/cast.ts';
import { bytesOfMac, formatMac } from '../types/mac-addresses.ts';
import type { FunctionTable } from './definition.ts';

/** Bit by bit. @throws SqlError `string_data_length_mismatch`. */
export function combineBits(name: 'AND' | 'OR' | 'XOR', a: string, b: string): string {
  if (a.length !== b.length) {
    throw new SqlError('string_data_length_mismatch', `cannot ${name} bit strings of different sizes`);
  }
  let out = '';
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] === '1', b[i] === '1'];
    out += (name === 'AND' ? x && y : name === 'OR' ? x || y : x !== y) ? '1' : '0';
  }
  return out;
}

/** Its length stays: what leaves at one end comes in as zeros at the other. */
function shifted(bits: string, by: number): string {
  const places = Math.min(Math.abs(by), bits.length);
  const zeros = '0'.repeat(places);
  return by >= 0 ? bits.slice(places) + zeros : zeros + bits.slice(0, bits.length - places);
}

function substring(bits: string, from: number, count: number | undefined): string {
  if (count !== undefined && count < 0) throw new SqlError('substring_error', 'negative substring length not allowed');
  const end = count === undefined ? bits.length : Math.min(from - 1 + count, bits.length);
  return bits.slice(Math.max(from - 1, 0), Math.max(end, 0));
}

function overlay(bits: string, by: string, from: number, count: number): string {
  if (from <= 0) throw new SqlError('substring_error', 'negative substring length not allowed');
  integerFrom('int4', from + count);
  return substring(bits, 1, from - 1) + by + substring(bits, from + count, undefined);
}

function checkIndex(bits: string, index: number): void {
  if (index >= 0 && index < bits.length) return;
  throw new SqlError('array_subscript_error', `bit index ${index} out of valid range (0..${bits.length - 1})`);
}

function setBit(bits: string, index: number, bit: number): string {
  checkIndex(bits, index);
  if (bit !== 0 && bit !== 1) throw new SqlError('invalid_parameter_value', 'new bit must be 0 or 1');
  return bits.slice(0, index) + bit + bits.slice(index + 1);
}

/** The same for `macaddr` and `macaddr8`. */
function onMacs(type: 'macaddr' | 'macaddr8'): FunctionTable {
  const pair = (run: (x: number, y: number) => number) => (a: string, b: string) => {
    const other = bytesOfMac(b);
    return formatMac(bytesOfMac(a).map((byte, i) => run(byte, other[i]!)));
  };
  return {
    [`~(${type}) ${type}`]: (mac: string) => formatMac(bytesOfMac(mac).map((byte) => ~byte & 255)),
    [`&(${type}, ${type}) ${type}`]: pair((x, y) => x & y),
    [`|(${type}, ${type}) ${type}`]: pair((x, y) => x | y),
  };
}

export const BIT_OPERATORS: FunctionTable = {
  '&(bit, bit) bit': (a: string, b: string) => combineBits('AND', a, b),
  '|(bit, bit) bit': (a: string, b: string) => combineBits('OR', a, b),
  '#(bit, bit) bit': (a: string, b: string) => combineBits('XOR', a, b),
  '~(bit) bit': (bits: string) => bits.replace(/[01]/g, (bit) => (bit === '0' ? '1' : '0')),
  '<<(bit, int4) bit': shifted,
  '>>(bit, int4) bit': (bits: string, by: number) => shifted(bits, -by),
  '||(varbit, varbit) varbit': (a: string, b: string) => a + b,
  ...onMacs('macaddr'),
  ...onMacs('macaddr8'),
};

export const BIT_FUNCTIONS: FunctionTable = {
  'length(bit) int4': (bits: string) => bits.length,
  'bit_length(bit) int4': (bits: string) => bits.length,
  'octet_length(bit) int4': (bits: string) => Math.ceil(bits.length / 8),
  'bit_count(bit) int8': (bits: string) => BigInt(bits.replaceAll('0', '').length),
  'get_bit(bit, int4) int4': (bits: string, index: number) => {
    checkIndex(bits, index);
    return Number(bits[index]);
  },
  'set_bit(bit, int4, int4) bit': setBit,
  'substring(bit, int4) bit': (bits: string, from: number) => substring(bits, from, undefined),
  'substring(bit, int4, int4) bit': substring,
  'overlay(bit, bit, int4) bit': (bits: string, by: string, from: number) => overlay(bits, by, from, by.length),
  'overlay(bit, bit, int4, int4) bit': overlay,
  'position(bit, bit) int4': (bits: string, part: string) =>
    // In no bits there is nothing, not even nothing.
    bits === '' ? 0 : bits.indexOf(part) + 1,
  'trunc(macaddr) macaddr': (mac: string) => `${mac.slice(0, 8)}:00:00:00`,
  'trunc(macaddr8) macaddr8': (mac: string) => `${mac.slice(0, 8)}:00:00:00:00:00`,
  'macaddr8_set7bit(macaddr8) macaddr8': (mac: string) => {
    const bytes = bytesOfMac(mac);
    bytes[0]! |= 2;
    return formatMac(bytes);
  },
};
