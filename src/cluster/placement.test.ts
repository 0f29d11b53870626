import { expect, test } from 'vitest';
import { RendezvousPlacement } from './placement.ts';

const ACTORS = 20_000;

function countByMember(placement: RendezvousPlacement): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < ACTORS; i++) {
    const owner = placement.ownerOf('seat-map', `show-${i}`);
    counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  return counts;
}

test('every member computes the same owner, whatever the order in which it knows the others', () => {
  const one = new RendezvousPlacement('a', ['a', 'b', 'c']);
  const two = new RendezvousPlacement('b', ['c', 'a', 'b', 'a']);
  for (let i = 0; i < 1_000; i++) expect(one.ownerOf('t', String(i))).toBe(two.ownerOf('t', String(i)));
});

test('actors spread evenly', () => {
  const members = Array.from({ length: 7 }, (_, i) => `member-${i}`);
  for (const [member, count] of countByMember(new RendezvousPlacement('member-0', members))) {
    expect(count / (ACTORS / 7), member).toBeGreaterThan(0.9);
    expect(count / (ACTORS / 7), member).toBeLessThan(1.1);
  }
});

test('when a member leaves only its own actors move', () => {
  const before = new RendezvousPlacement('a', ['a', 'b', 'c', 'd']);
  const after = new RendezvousPlacement('a', ['a', 'b', 'd']);
  for (let i = 0; i < ACTORS; i++) {
    const owner = before.ownerOf('t', String(i));
    if (owner !== 'c') expect(after.ownerOf('t', String(i))).toBe(owner);
  }
});
