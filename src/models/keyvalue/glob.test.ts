import { describe, expect, it } from 'vitest';
import { Glob, nameGlob } from './glob.ts';

const matches = (pattern: string, text: string) =>
  new Glob(Buffer.from(pattern, 'latin1')).matches(Buffer.from(text, 'latin1'));

describe('a glob', () => {
  it('matches as Redis does', () => {
    const cases: readonly [pattern: string, text: string, expected: boolean][] = [
      ['*', '', true],
      ['**', '', false],
      ['', '', true],
      ['', 'a', false],
      ['a*', 'a', true],
      ['a*b', 'a', false],
      ['*a*b*', 'xxaxxbxx', true],
      ['a?c', 'abc', true],
      ['a?c', 'ac', false],
      ['[abc]x', 'bx', true],
      ['[^abc]x', 'bx', false],
      ['[a-c]', 'b', true],
      ['[c-a]', 'b', true],
      ['[\\]]', ']', true],
      ['[a-]', 'z', false],
      ['[a-]', 'a', true],
      ['[', 'a', false],
      ['[ab', 'b', true],
      ['[^', 'a', true],
      ['\\*', '*', true],
      ['\\*', 'a', false],
      ['a\\', 'a\\', true],
      ['*\xff', 'a\0\xff', true],
    ];
    for (const [pattern, text, expected] of cases)
      expect(matches(pattern, text), `${pattern} on ${text}`).toBe(expected);
  });

  it('tells the bytes that every match begins with', () => {
    const prefix = (pattern: string) => Buffer.from(new Glob(Buffer.from(pattern)).literalPrefix).toString();
    expect(['user:*', 'a\\*b?', '*', '[ab]c', 'plain'].map(prefix)).toEqual(['user:', 'a*b', '', '', 'plain']);
  });

  it('takes time in proportion, or gives up, on patterns made to be slow', () => {
    const hostile = new Glob(Buffer.from(`${'a*'.repeat(200)}b`));
    expect(hostile.matches(Buffer.alloc(2_000, 'a'))).toBe(false);
    expect(hostile.steps).toBeLessThan(1_000_000);
    expect(() => new Glob(Buffer.from(`*${'a'.repeat(30_000)}b`)).matches(Buffer.alloc(60_000, 'a'))).toThrow(
      expect.objectContaining({ code: 'too_large' }),
    );
  });

  it('ignores case in names', () => {
    const isSlow = nameGlob('SLOW[L-M]og-*');
    expect([isSlow('slowlog-max-len'), isSlow('SLOWMOG-'), isSlow('slowxog-')]).toEqual([true, true, false]);
  });
});
