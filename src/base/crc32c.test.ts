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
    const long = Uint8Array.from({ length: 3_000 }, (_, i) => (i * 131 + (i >> 5)) & 0xff);
    const inPieces = (from: number, to: number): number => {
      let crc = 0;
      for (let at = from; at < to; at += 100) crc = crc32c(long, at, Math.min(to, at + 100), crc);
      return crc;
    };
    for (let from = 0; from < 9; from++) {
      for (let to = 2_980; to <= 3_000; to++) expect(crc32c(long, from, to)).toBe(inPieces(from, to));
      expect(crc32c(long.subarray(from), 1)).toBe(inPieces(from + 1, 3_000));
    }
    const within = new Uint8Array(100);
    within.set(bytes, 13);
    expect(crc32c(within, 13, 13 + bytes.length)).toBe(whole);
  });
});
