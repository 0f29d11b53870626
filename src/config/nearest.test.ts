import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { editDistance, nearest } from './nearest.ts';

describe('the nearest name', () => {
  test.each([
    ['prot', 'port'],
    ['bind_adress', 'bind_address'],
    ['maxConnections', 'max_connections'],
    ['PORT', 'port'],
    ['enabeld', 'enabled'],
  ])('of %s is %s', (typed, meant) => {
    expect(nearest(typed, ['enabled', 'port', 'bind_address', 'max_connections'])).toBe(meant);
  });

  test('of something else entirely is none', () => {
    expect(nearest('colour', ['enabled', 'port'])).toBeUndefined();
    expect(nearest('x', [])).toBeUndefined();
  });

  test('is the first of several as near', () => {
    expect(nearest('pork', ['port', 'pore'])).toBe('port');
  });
});

describe('the edit distance', () => {
  test.each([
    ['', '', 0],
    ['abc', '', 3],
    ['kitten', 'sitting', 3],
    ['prot', 'port', 1],
  ])('of %j and %j is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  test('is symmetric, zero only for equals, and at most the longer length', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});
