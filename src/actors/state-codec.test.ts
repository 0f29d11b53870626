import { deserialize, serialize } from 'node:v8';
import { expect, test } from 'vitest';
import { decodeState, encodeState } from './state-codec.ts';

test('the bytes on disk are those of format 1', () => {
  expect(Buffer.from(encodeState({ n: 1, s: 'a' }, 258)).toString('hex')).toBe(
    // format, version; then V8's header and an object of n: int32 1, s: 'a'.
    `01${'0201'}${'ff0f'}6f22016e4902220173220161${'7b02'}`,
  );
});

test('the example of docs/formats/actors.md holds', () => {
  expect(Buffer.from(encodeState({ holders: new Map([['A1', 'ann']]) }, 0)).toString('hex')).toBe(
    '010000ff0f6f2207686f6c646572733b220241312203616e6e3a027b01',
  );
});

test('what was encoded decodes to an equal value', () => {
  const values = [
    null,
    undefined,
    0,
    -0,
    1.5,
    'ü',
    2n ** 70n,
    Array(3),
    new Map([[{ a: 1 }, new Set(['x'])]]),
    new Date(5),
  ];
  for (const value of values) expect(decodeState(encodeState(value, 3))).toEqual({ version: 3, value });
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const decoded = decodeState(encodeState(circle, 0)).value as { self?: unknown };
  expect(decoded.self).toBe(decoded);
});

test('functions are refused, damaged and foreign bytes are told apart from newer ones', () => {
  expect(() => encodeState({ f() {} }, 0)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  const bytes = encodeState({ text: 'some state' }, 0);
  for (let length = 0; length < bytes.length; length++) {
    expect(() => decodeState(bytes.subarray(0, length)), `cut at ${length}`).toThrow(
      expect.objectContaining({ code: 'corruption' }),
    );
  }
  const newer = Buffer.from(bytes);
  newer[0] = 2;
  expect(() => decodeState(newer)).toThrow(expect.objectContaining({ code: 'store_format' }));
});

test('the V8 format version that the documents name is the one in use', () => {
  expect(serialize(1)[1]).toBe(15);
  expect(deserialize(Buffer.from('ff0d4902', 'hex'))).toBe(1);
});
