import { describe, expect, it } from 'vitest';
import { addLongDoubles, formatLongDouble, parseLongDouble } from './long-double.ts';

const parse = (text: string) => parseLongDouble(Buffer.from(text, 'latin1'));
const sum = (a: string, b: string) => {
  const result = addLongDoubles(parse(a)!, parse(b)!);
  return result === 'infinite' ? result : formatLongDouble(result);
};

describe('a long double', () => {
  it('adds as Redis does on x86-64', () => {
    expect(sum('10.50', '0.1')).toBe('10.6');
    expect(sum('5.0e3', '2.0e2')).toBe('5200');
    expect(sum('0.1', '0.2')).toBe('0.3');
    expect(sum('3', '1.000000000000000005')).toBe('4.00000000000000001');
    expect(sum('1', '-1')).toBe('0');
    expect(sum('-0', '-0')).toBe('0');
    expect(sum('18446744073709551615', '1')).toBe('18446744073709551616');
    expect(sum('36893488147419103231', '0')).toBe('36893488147419103232'); // 65 bits round to even.
    expect(sum('0x1.8p1', '0')).toBe('3');
    expect(sum('1e4932', '1e4932')).toBe('infinite');
  });

  it('reads what strtold reads, whole, and nothing else', () => {
    for (const text of ['1', '+1', '.5', '5.', '1e5', '0x.8', '-0x1p-3', '1e-4940'])
      expect(parse(text), text).toBeTypeOf('object');
    for (const text of ['inf', '-Infinity']) expect(parse(text), text).toBe('infinite');
    for (const text of [
      '',
      '.',
      ' 1',
      '1 ',
      'nan',
      '1e',
      '0x',
      'x',
      '1e5000',
      '1e-5000',
      '1e999999999999',
      '1_0',
      '1'.repeat(6_000),
    ]) {
      expect(parse(text), text.slice(0, 20)).toBeUndefined();
    }
  });
});
