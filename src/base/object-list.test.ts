import { setFlagsFromString } from 'node:v8';
import { expect, test } from 'vitest';
import { objectList } from './object-list.ts';

test('it is empty, and of the kind that a list of objects is', () => {
  setFlagsFromString('--allow-natives-syntax');
  const haveSameMap = new Function('a', 'b', 'return %HaveSameMap(a, b)') as (a: unknown, b: unknown) => boolean;
  const used: object[] = [];
  used.push({});
  used.pop();
  const list = objectList<object>();
  expect(list).toEqual([]);
  expect(haveSameMap(list, used)).toBe(true);
});
