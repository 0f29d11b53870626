import { describe, expect, it } from 'vitest';
import { utf8 } from './bytes.ts';
import { crc32c } from './crc32c.ts';

describe('crc32c', () => {
  it('gives the check values of RFC 3720 and of the Castagnoli polynomial', () => {
    expect(crc32c(utf8('123456789'))).toBe(0xe3069283);
    expect(crc32c(utf8('hello'))).toBe(0x9a71bb4c);
    expect(crc32c(new Uint8Array(0))).toBe(0);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  });

  it('is the same in pieces, at every cut, and within a larger buffer', () => {
    const bytes = Uint8Array.from({ length: 67 }, (_, i) => (i * 37 + 11) & 0xff);
    const whole = crc32c(bytes);
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(crc32c(bytes, cut, bytes.length, crc32c(bytes, 0, cut))).toBe(whole);
    }
    const within = new Uint8Array(100);
    within.set(bytes, 13);
    expect(crc32c(within, 13, 13 + bytes.length)).toBe(whole);
  });
});
