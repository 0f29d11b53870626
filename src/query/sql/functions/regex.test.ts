import { expect, test } from 'vitest';
import { codePoints, regexOf } from './regex.ts';
import { regexFlags } from './regex-syntax.ts';

function find(pattern: string, text: string, flags = ''): readonly number[] | undefined {
  return regexOf(pattern, regexFlags(flags)).find(codePoints(text), 0, true);
}

test('the leftmost match is as long as the expression prefers', () => {
  expect(find('foo|foobar', 'a foobar')).toEqual([2, 8]);
  expect(find('Y*([0-9]{1,3})', 'XY1234Z')).toEqual([1, 5, 2, 5]);
  expect(find('Y*?([0-9]{1,3})', 'XY1234Z')).toEqual([1, 3, 2, 3]);
  expect(find('x*', 'aaa')).toEqual([0, 0]);
});

test('each part takes as much or as little as it prefers', () => {
  expect(find('(a|ab)(c|bcd)(d*)', 'abcd')).toEqual([0, 4, 0, 2, 2, 3, 3, 4]);
  expect(find('(a|ab)(c|bcd)(d*)', 'abcde')).toEqual([0, 4, 0, 2, 2, 3, 3, 4]);
  expect(find('(.*?)(b+)', 'aabbb')).toEqual([0, 3, 0, 2, 2, 3]);
  expect(find('(?:(.*?)(b+)){1,1}', 'aabbb')).toEqual([0, 5, 0, 2, 2, 5]);
  expect(find('(x+?)(x+)', 'xxxx')).toEqual([0, 2, 0, 1, 1, 2]);
  expect(find('(a|b){0,2}?(a*)$', 'aaa')).toEqual([0, 3, -1, -1, 0, 3]);
});

test('rounds of a repetition take time in proportion to the text', () => {
  const text = 'a'.repeat(50_000);
  expect(find('(a|[ab]*c)*', text)).toEqual([0, 50_000, 49_999, 50_000]);
  expect(find('(([a-z]+)( |$))*x', `${'foo bar '.repeat(5_000)}x`)?.slice(0, 2)).toEqual([0, 40_001]);
});

test('parentheses in lookaround only group', () => {
  expect(find('a(?=(b))(b)', 'ab')).toEqual([0, 2, 1, 2]);
  expect(() => regexOf('(?=(a))\\1', regexFlags(''))).toThrow('invalid backreference number');
});

test('patterns that make backtracking explode end', () => {
  const text = 'a'.repeat(5_000);
  expect(find('(a*)*b', text)).toBeUndefined();
  expect(find('(a|aa)+$', `${text}b`)).toBeUndefined();
  expect(find('^(([a-z])+.)+[A-Z]([a-z])+$', text)).toBeUndefined();
});

test('back references give up instead of going on for ever', () => {
  expect(find('^(.)(X).\\2$', 'aXbX')).toEqual([0, 4, 0, 1, 1, 2]);
  const text = `${'a'.repeat(80)}b${'a'.repeat(100)}`;
  expect(() => find('^(a*)(a*)(a*)(a*)(a*)\\1b\\2$', text)).toThrow('too complex');
});

test('what is no pattern is refused', () => {
  for (const pattern of ['(', 'a)', '[a', '*a', 'a{2,1}', 'a{999}', '\\', '(a)\\2', '[z-a]']) {
    expect(() => regexOf(pattern, regexFlags('')), pattern).toThrow('invalid regular expression');
  }
  expect(() => regexOf('((a{200}){200}){200}', regexFlags(''))).toThrow('too complex');
});
