import { expect, it } from 'vitest';
import { hashSlot } from './hash-slot.ts';

function slotOf(key: string): number {
  const bytes = Buffer.from(`<<${key}>>`);
  return hashSlot(bytes, 2, bytes.length - 2);
}

it('computes the slots that Redis Cluster documents', () => {
  expect(slotOf('123456789')).toBe(0x31c3); // The check value of the specification, below 16,384 already.
  expect(slotOf('foo')).toBe(12_182);
  expect(slotOf('bar')).toBe(5_061);
  expect(slotOf('')).toBe(0);
});

it('hashes only what stands between the first braces, unless that is empty', () => {
  expect(slotOf('{user1000}.following')).toBe(slotOf('user1000'));
  expect(slotOf('a{user1000}.{x}')).toBe(slotOf('user1000'));
  expect(slotOf('foo{{bar}}zap')).toBe(slotOf('{bar'));
  expect(slotOf('foo{bar}{zap}')).toBe(slotOf('bar'));
  expect(slotOf('foo{}{bar}')).not.toBe(slotOf('bar'));
  expect(slotOf('foo{bar')).not.toBe(slotOf('bar'));
});
