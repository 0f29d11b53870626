import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { boolean, bytes, duration, integer, type Kind, list, port, showBytes, showMs, text, word } from './kinds.ts';

function fromText<T>(kind: Kind<T>, value: string): T | undefined {
  const result = kind.schema.safeParse(kind.fromText(value));
  return result.success ? result.data : undefined;
}

describe('a size', () => {
  const size = bytes(0, 2 ** 40);

  test.each([
    ['0', 0],
    ['1', 1],
    ['256MB', 2 ** 28],
    ['256 mb', 2 ** 28],
    ['256MiB', 2 ** 28],
    ['1.5G', 1.5 * 2 ** 30],
    ['64k', 2 ** 16],
    ['7B', 7],
  ])('%j is %i bytes', (value, expected) => expect(fromText(size, value)).toBe(expected));

  test.each(['', 'MB', '-1MB', '1XB', '1 M B', '1e9', '2TB'])('%j is none', (value) =>
    expect(fromText(size, value)).toBeUndefined(),
  );

  test('is shown as text that means the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (value) => {
        expect(fromText(size, showBytes(value))).toBe(value);
      }),
    );
  });
});

describe('a duration', () => {
  const seconds = duration('s', 0, 3_600_000);

  test.each([
    ['30', 30_000],
    ['0.5', 500],
    ['500ms', 500],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['0', 0],
  ])('%j is %i ms', (value, expected) => expect(fromText(seconds, value)).toBe(expected));

  test.each(['', 'soon', '-5', '2h', '5 parsecs'])('%j is none', (value) =>
    expect(fromText(seconds, value)).toBeUndefined(),
  );

  test('is shown as text that means the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3_600_000 }), (value) => {
        expect(fromText(seconds, showMs(value))).toBe(value);
      }),
    );
  });

  test('in milliseconds counts bare numbers as such', () => {
    expect(fromText(duration('ms', 0, 5000), '250')).toBe(250);
  });
});

test.each([
  ['true', true],
  ['ON', true],
  ['1', true],
  ['no', false],
  ['0', false],
  ['maybe', undefined],
])('the text %j is the truth value %s', (value, expected) => expect(fromText(boolean, value)).toBe(expected));

test.each([
  ['0', 0],
  ['65535', 65_535],
  ['65536', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['0x10', undefined],
])('the text %j is the port %s', (value, expected) => expect(fromText(port, value)).toBe(expected));

test('a number in a file must not be text', () => {
  expect(integer(0, 9).schema.safeParse('5').success).toBe(false);
});

test('a word has the spelling of the schema, whatever its case', () => {
  expect(fromText(word('Memory', 'RocksDB'), 'rocksdb')).toBe('RocksDB');
  expect(fromText(word('Memory', 'RocksDB'), 'rocks')).toBeUndefined();
  expect(word('a').schema.safeParse(5).success).toBe(false);
});

test('a list as text is separated by commas', () => {
  expect(fromText(list(text()), 'a, b,,c ')).toEqual(['a', 'b', 'c']);
  expect(fromText(list(text(), { min: 1 }), ' ')).toBeUndefined();
});
