import { describe, expect, it } from 'vitest';
import { dumpString, isDumpIntact, restoreString } from './dump.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const LENGTH_MAX = 1_000_000;

describe('a dumped string', () => {
  it('has the bytes that Redis 7.0 writes', () => {
    const dumped = (text: string) => Buffer.from(dumpString(bytes(text))).toString('hex');
    expect(dumped('5')).toBe('00c0050a00632f5f66832fb351');
    expect(dumped('hello')).toBe('000568656c6c6f0a006372df766534200a');
  });

  it('comes back, whatever its length', () => {
    for (const text of ['', '0', '-128', '128', '-32769', '2147483648', '-0', '01', 'a'.repeat(63), 'b'.repeat(64)]) {
      const payload = dumpString(bytes(text));
      expect(isDumpIntact({}, payload), text).toBe(true);
      expect(Buffer.from(restoreString(payload, LENGTH_MAX)).toString('latin1')).toBe(text);
    }
    for (const length of [16_383, 16_384, 100_000]) {
      const value = Buffer.alloc(length, 'xyz');
      expect(Buffer.compare(restoreString(dumpString(value), LENGTH_MAX), value)).toBe(0);
    }
  });

  it('is not intact when any bit of it is another', () => {
    const payload = Buffer.from(dumpString(bytes('hello')));
    for (let bit = 0; bit < payload.length * 8; bit++) {
      const other = Buffer.from(payload);
      other[bit >>> 3]! ^= 1 << (bit & 7);
      expect(isDumpIntact({}, other), `bit ${bit}`).toBe(false);
    }
    expect(isDumpIntact({}, bytes('short'))).toBe(false);
  });

  it('is refused when it lies about lengths, and asks for no memory first', () => {
    const footer = '0a000000000000000000';
    for (const body of [
      '00',
      '0005',
      '000161ff',
      '0080ffffffff',
      '0081ffffffffffffffff',
      '00c3017fff',
      '00c30304e00000',
      '00c4',
    ]) {
      const payload = Buffer.from(body + footer, 'hex');
      expect(() => restoreString(payload, LENGTH_MAX), body).toThrow(
        expect.objectContaining({ code: 'invalid_argument' }),
      );
    }
    expect(() => restoreString(Buffer.from(`0401${footer}`, 'hex'), LENGTH_MAX)).toThrow(
      expect.objectContaining({ code: 'unsupported' }),
    );
  });
});
