import { expect, test } from 'vitest';
import { SeededRandom } from '../../../platform/simulated/seeded-random.ts';
import { bindCopyOptions } from '../binder/copy-options.ts';
import { CopyWriter } from '../statements/copy-output.ts';
import { UTC } from '../types/time-zone.ts';
import { CopyCsvReader } from './copy-csv.ts';
import { CopyTextReader } from './copy-text.ts';

const memory = { take: () => true, give: () => {} };

const SEED = Number(process.env.ORBIT_TEST_SEED ?? Math.trunc(Math.random() * 2 ** 31));
const PIECES = ['', 'a', '"', "'", ',', ';', '\\', '\\.', '\\N', '\n', '\r', '\t', 'é', '𝄞', 'NULL', ' '];

function option(name: string, value: string) {
  return { DefElem: { defname: name, arg: { String: { sval: value } } } };
}

const FORMATS = [
  [option('format', 'csv')],
  [option('format', 'csv'), option('delimiter', ';'), option('quote', "'"), option('escape', '\\')],
  [option('format', 'csv'), option('null', 'NULL')],
  [],
  [option('delimiter', ',')],
];

test('what COPY writes it reads again, however the bytes are split', () => {
  const seeded = new SeededRandom(SEED);
  const random = () => seeded.float();
  const int = (bound: number): number => Math.trunc(random() * bound);
  const text = (): string | null =>
    int(6) === 0 ? null : Array.from({ length: int(4) }, () => PIECES[int(PIECES.length)]).join('');
  for (const [i, options] of FORMATS.entries()) {
    const format = bindCopyOptions(options, true);
    for (let round = 0; round < 60; round++) {
      const width = 2 + int(3);
      const rows = Array.from({ length: int(5) }, () => Array.from({ length: width }, text));
      const column = { name: 'c', type: 'text', modifier: -1, tableId: 0, columnNumber: 0 } as const;
      const writer = new CopyWriter(format, new Array(width).fill(column), [], { zone: UTC });
      const bytes = Buffer.from(rows.map((row) => writer.line(row)).join(''));
      const shape = { ...format, lineBytesMax: 1_000_000, memory };
      const reader = format.csv ? new CopyCsvReader(shape) : new CopyTextReader(shape);
      const read: unknown[] = [];
      for (let at = 0; at < bytes.length; ) {
        const next = at + 1 + int(7);
        for (const { fields } of reader.take(bytes.subarray(at, next))) read.push(fields);
        at = next;
      }
      for (const { fields } of reader.finish()) read.push(fields);
      expect(read, `seed ${SEED}, format ${i}, round ${round}`).toEqual(rows);
    }
  }
});
