import { expect, it } from 'vitest';
import { decodeMemcomparable, encodeMemcomparable, memcomparableBytes } from './memcomparable.ts';

it('encodes keys as storage does', () => {
  const encoded = (text: string) => encodeMemcomparable(Buffer.from(text)).toString('hex');
  expect(encoded('')).toBe('0000000000000000f7');
  expect(encoded('abc')).toBe('6162630000000000fa');
  expect(encoded('12345678')).toBe('3132333435363738ff0000000000000000f7');
});

it('decodes what it encodes, keeps the order, and tells the length beforehand', () => {
  const keys: Buffer[] = [];
  for (let length = 0; length < 20; length++) for (const byte of [0, 1, 0xff]) keys.push(Buffer.alloc(length, byte));
  keys.sort(Buffer.compare);
  const encoded = keys.map(encodeMemcomparable);
  for (const [index, bytes] of encoded.entries()) {
    expect(decodeMemcomparable(bytes).equals(keys[index]!)).toBe(true);
    expect(bytes.length).toBe(memcomparableBytes(keys[index]!.length));
    if (index > 0)
      expect(Math.sign(Buffer.compare(encoded[index - 1]!, bytes))).toBe(
        Math.sign(Buffer.compare(keys[index - 1]!, keys[index]!)),
      );
  }
});

it('refuses what no key encodes to', () => {
  for (const bad of [
    '',
    '00',
    '6162630000000001fa',
    '6162630000000000fb'.slice(0, 16),
    '000000000000000000',
    '0000000000000000f700',
    '3132333435363738ff',
  ])
    expect(() => decodeMemcomparable(Buffer.from(bad, 'hex'))).toThrow('not an encoded key');
});
