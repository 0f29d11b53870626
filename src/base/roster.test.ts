import { expect, test } from 'vitest';
import { Roster } from './roster.ts';

test('those who are there are told in the order in which they came', () => {
  const roster = new Roster<string>();
  const [a, b, c] = [roster.add('a'), roster.add('b'), roster.add('c')];
  expect([...roster]).toEqual(['a', 'b', 'c']);
  expect(b.leave()).toBe(true);
  expect([...roster]).toEqual(['a', 'c']);
  expect(a.leave()).toBe(true);
  expect(roster.first).toBe('c');
  roster.add('d');
  expect(c.leave()).toBe(true);
  expect([...roster]).toEqual(['d']);
  expect(roster.size).toBe(1);
});

test('a seat is left once', () => {
  const roster = new Roster<string>();
  const seat = roster.add('a');
  roster.add('b');
  expect(seat.leave()).toBe(true);
  expect(seat.leave()).toBe(false);
  expect(roster.size).toBe(1);
});

test('who leaves, or comes, while the others are told of is not told of', () => {
  const roster = new Roster<number>();
  const seats = Array.from({ length: 5 }, (_, i) => roster.add(i));
  const told: number[] = [];
  for (const each of roster) {
    told.push(each);
    seats[each]!.leave();
    if (each === 1) {
      seats[2]!.leave();
      roster.add(9);
    }
  }
  expect(told).toEqual([0, 1, 3, 4]);
  expect([...roster]).toEqual([9]);
});

test('a seat that was left refers to nobody', () => {
  const roster = new Roster<number>();
  const seats = Array.from({ length: 3 }, (_, i) => roster.add(i));
  for (const seat of seats) seat.leave();
  for (const { before, behind, roster: of } of seats)
    expect([before, behind, of]).toEqual([undefined, undefined, undefined]);
  expect(roster.first).toBeUndefined();
});
