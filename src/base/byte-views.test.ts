import { describe, expect, it } from 'vitest';
import { copyShort, equalShort, viewOf } from './byte-views.ts';

describe('bytes in words', () => {
  const source = Buffer.from(Array.from({ length: 64 }, (_, i) => (i * 37 + 200) & 0xff));

  it('copy every length at every offset, and nothing beside it', () => {
    for (let length = 0; length <= 40; length++) {
      for (let offset = 0; offset < 9; offset++) {
        const into = Buffer.alloc(64, 0xee);
        copyShort(viewOf(source), offset, viewOf(into), 7 - (offset % 8), length);
        const expected = Buffer.alloc(64, 0xee);
        source.copy(expected, 7 - (offset % 8), offset, offset + length);
        expect(into, `${length} bytes from ${offset}`).toEqual(expected);
      }
    }
  });

  it('copy the bits of what is no number', () => {
    const notANumber = Buffer.from('f4ffffffffff7f01f4ffffffffffff01', 'hex');
    const into = Buffer.alloc(16);
    for (let i = 0; i < 10_000; i++) copyShort(viewOf(notANumber), 0, viewOf(into), 0, 16);
    expect(into).toEqual(notANumber);
  });

  it('are equal in every byte or not at all', () => {
    for (let length = 0; length <= 21; length++) {
      const copy = Buffer.concat([Buffer.from('...'), source.subarray(0, length)]);
      expect(equalShort(viewOf(source), 0, viewOf(copy), 3, length)).toBe(true);
      for (let i = 0; i < length; i++) {
        copy[3 + i]! ^= 0x80;
        expect(equalShort(viewOf(source), 0, viewOf(copy), 3, length), `${length} bytes, byte ${i}`).toBe(false);
        copy[3 + i]! ^= 0x80;
      }
    }
  });

  it('show a part of a larger buffer from its own beginning', () => {
    const part = source.subarray(10, 20);
    expect(viewOf(part).getUint8(0)).toBe(source[10]);
    expect(viewOf(part).byteLength).toBe(10);
    expect(viewOf(source).getUint8(0)).toBe(source[0]);
  });
});
