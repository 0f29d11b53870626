import { expect, test } from 'vitest';
import { nearest } from './nearest.ts';

test('the nearest name is found, and nothing when all are far', () => {
  expect(nearest('holdr', ['hold', 'release', 'holderOf'])).toBe('hold');
  expect(nearest('SEATMAP', ['seat-map', 'counter'])).toBe('seat-map');
  expect(nearest('zzz', ['hold', 'release'])).toBeUndefined();
  expect(nearest('x', [])).toBeUndefined();
});
