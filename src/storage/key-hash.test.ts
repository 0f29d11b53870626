import { describe, expect, it } from 'vitest';
import { utf8 } from '../base/bytes.ts';
import { halfSipHash } from './key-hash.ts';

const hash = (text: string, low = 1, high = 2) => {
  const bytes = utf8(text);
  return halfSipHash(low, high, bytes, 0, bytes.length);
};

describe('the hash of keys', () => {
  it('spreads keys that differ little, whatever their length', () => {
    for (const pad of ['', 'x', 'xy', 'xyz', 'orbit/kv/0/user:']) {
      const slots = new Int32Array(1_024);
      for (let i = 0; i < 16_384; i++) slots[hash(`${pad}${i}`) & 1_023]!++;
      // 16 a slot; a random spread of them has no slot beyond 45 in billions of trials.
      expect(Math.max(...slots), pad).toBeLessThan(45);
    }
  });

  it('makes other keys collide under another secret', () => {
    const first = Array.from({ length: 20_000 }, (_, i) => `k${i}`).filter((key) => (hash(key) & 0xff) === 0);
    const still = first.filter((key) => (hash(key, 3, 4) & 0xff) === 0);
    expect(first.length).toBeGreaterThan(40);
    expect(still.length).toBeLessThan(first.length / 4);
  });

  it('looks at every byte, and at nothing beside them', () => {
    const bytes = utf8('....0123456789abcdef....');
    for (let length = 0; length <= 16; length++) {
      const whole = halfSipHash(5, 6, bytes, 4, 4 + length);
      const alone = bytes.slice(4, 4 + length);
      expect(halfSipHash(5, 6, alone, 0, length)).toBe(whole);
      for (let i = 0; i < length; i++) {
        alone[i]! ^= 1;
        expect(halfSipHash(5, 6, alone, 0, length), `byte ${i} of ${length}`).not.toBe(whole);
        alone[i]! ^= 1;
      }
    }
  });
});
