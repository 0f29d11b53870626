import { expect, test } from 'vitest';
import { type CopyLine, CopyTextReader } from './copy-text.ts';

const memory = { take: () => true, give: () => {} };

function reader(lineBytesMax = 1_000): CopyTextReader {
  return new CopyTextReader({ delimiter: '\t', nullText: '\\N', lineBytesMax, memory });
}

const DATA = Buffer.from('1\ta\\tb\n\\N\t\\\\N\r\n\t\\\nx\né\t\\303\\251\\x41\n\\.\nignored\n');
const ROWS = [
  ['1', 'a\tb'],
  [null, '\\N'],
  ['', '\nx'],
  ['é', 'éA'],
];

test('fields, nulls and escapes are read alike, wherever the data is cut', () => {
  for (let cut = 0; cut <= DATA.length; cut++) {
    const each = reader();
    const lines: CopyLine[] = [
      ...each.take(Buffer.from(DATA.subarray(0, cut))),
      ...each.take(Buffer.from(DATA.subarray(cut))),
      ...each.finish(),
    ];
    expect(
      lines.map((line) => line.fields),
      `cut at ${cut}`,
    ).toEqual(ROWS);
    expect(lines.map((line) => line.number)).toEqual([1, 2, 3, 4]);
  }
});

test('the last line needs no newline', () => {
  const each = reader();
  expect(each.take(Buffer.from('a'))).toEqual([]);
  expect(each.finish()).toEqual([{ number: 1, text: 'a', fields: ['a'] }]);
  expect(each.finish()).toEqual([]);
});

test('bytes that are no UTF-8, zero characters and endless lines are refused', () => {
  expect(() => reader().take(Buffer.from([0xff, 0x0a]))).toThrow('invalid byte sequence');
  expect(() => reader().take(Buffer.from('\\000\n'))).toThrow('invalid byte sequence');
  expect(() => reader().take(Buffer.from('\\377\n'))).toThrow('invalid byte sequence');
  expect(() => reader(10).take(Buffer.from('12345678901'))).toThrow('exceeds the limit of 10 bytes');
});
