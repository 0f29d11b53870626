/** The ledger accepts every prefix between acknowledged and attempted, and nothing else. */

import { describe, expect, test } from 'vitest';
import { Ledger, type Write } from './ledger.ts';

const WRITES: readonly Write[] = [
  [['a', '1']],
  [
    ['b', '2'],
    ['c', '2'],
  ],
  [['a', undefined]],
  [['a', '4']],
];

/** After two acknowledged writes of four. */
function ledger(): Ledger {
  const one = new Ledger('client');
  for (const write of WRITES) one.attempt(write);
  one.acknowledge();
  one.acknowledge();
  return one;
}

const found = (values: Record<string, string>) => new Map(Object.entries(values));

describe('a ledger', () => {
  test.each([
    ['the acknowledged writes', { a: '1', b: '2', c: '2' }, 0],
    ['one more', { b: '2', c: '2' }, 1],
    ['all that were attempted', { a: '4', b: '2', c: '2' }, 2],
  ])('accepts %s', (_, values, survived) => {
    const one = ledger();
    expect(one.verify(found(values))).toEqual([]);
    expect(one).toMatchObject({ acknowledgedTotal: 2, survivedTotal: survived, inFlight: 0 });
  });

  test.each([
    ['a lost write', { a: '1' }, 'b holds nothing for "2"'],
    ['nothing at all', {}, 'and'],
    ['a torn write', { a: '1', b: '2' }, 'c holds nothing for "2"'],
    ['an invented value', { a: '9', b: '2', c: '2' }, 'a holds "9" for "1"'],
    ['an invented key', { a: '1', b: '2', c: '2', d: '5' }, 'd holds "5" for nothing'],
  ])('refuses %s', (_, values, message) => {
    const problems = ledger().verify(found(values));
    expect(problems).toHaveLength(1);
    if (message !== 'and') expect(problems[0]).toContain(message);
  });

  test('refuses a later write without an earlier one', () => {
    const one = new Ledger('client');
    one.attempt([['a', '1']]);
    one.attempt([['b', '2']]);
    expect(one.verify(found({ b: '2' }))).toHaveLength(1);
  });

  test('holds on to what was found: it may not go away in the next crash', () => {
    const one = ledger();
    one.verify(found({ a: '4', b: '2', c: '2' }));
    expect(one.verify(found({ a: '1', b: '2', c: '2' }))).toHaveLength(1);
  });

  test('accepts a copy taken on the way, between its bounds, and stays as it was', () => {
    const one = ledger();
    expect(one.verifyCut(found({ a: '1', b: '2', c: '2' }), 1, 3)).toEqual({ beyond: 1, problem: undefined });
    expect(one.verifyCut(found({ a: '1' }), 1, 3)).toEqual({ beyond: 0, problem: undefined });
    expect(one.verifyCut(found({}), 1, 3).problem).toContain('a holds nothing for "1"');
    expect(one.verifyCut(found({ a: '4', b: '2', c: '2' }), 1, 3).problem).toBeDefined();
    expect(one).toMatchObject({ acknowledgedCount: 2, attemptedCount: 4 });
  });

  test('knows nothing to acknowledge when nothing was attempted', () => {
    expect(() => new Ledger('client').acknowledge()).toThrow('an acknowledgement of nothing');
  });
});
