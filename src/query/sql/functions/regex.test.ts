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

test('patterns that make backtracking explode end', () => {
  const text = 'a'.repeat(5_000);
  expect(find('(a*)*b', text)).toBeUndefined();
  expect(find('(a|aa)+$', `${text}b`)).toBeUndefined();
  expect(find('^(([a-z])+.)+[A-Z]([a-z])+$', text)).toBeUndefined();
});

test('back references give up instead of going on for ever', () => {
  expect(find('^(.)(X).\\2$', 'aXbX')).toEqual([0, 4, 0, 1, 1, 2]);
  expect(() => find('^(a+)+\\1b$', 'a'.repeat(60))).toThrow('too complex');
});

test('what is no pattern is refused', () => {
  for (const pattern of ['(', 'a)', '[a', '*a', 'a{2,1}', 'a{999}', '\\', '(a)\\2', '[z-a]']) {
    expect(() => regexOf(pattern, regexFlags('')), pattern).toThrow('invalid regular expression');
  }
  expect(() => regexOf('((a{200}){200}){200}', regexFlags(''))).toThrow('too complex');
});
