/** The binary format of COPY, however it is cut. What PostgreSQL makes of it is compared in test/wire/copy-differential.test.ts. */

import { describe, expect, test } from 'vitest';
import { COPY_SIGNATURE, CopyBinaryReader } from './copy-binary.ts';

const memory = { take: () => true, give: () => {} };

const data = Buffer.concat([
  COPY_SIGNATURE,
  Buffer.from('00000000' + '00000003' + '616263', 'hex'),
  Buffer.from('0002' + '00000002' + '6869' + 'ffffffff', 'hex'),
  Buffer.from('0002' + '00000000' + '00000001' + '7a', 'hex'),
  Buffer.from('ffff', 'hex'),
]);

function reader(lineBytesMax = 1_000): CopyBinaryReader {
  return new CopyBinaryReader({ table: 't', columns: ['a', 'b'], lineBytesMax, memory });
}

describe('the binary format of COPY', () => {
  test('gives the same rows wherever it is cut in two', () => {
    for (let cut = 0; cut <= data.length; cut++) {
      const parts = reader();
      const rows = [...parts.take(data.subarray(0, cut)), ...parts.take(data.subarray(cut))];
      parts.finish();
      expect(rows.map((row) => row.map((field) => field?.toString('utf8') ?? null))).toEqual([
        ['hi', null],
        ['', 'z'],
      ]);
    }
  });

  test('refuses an end within a row, and takes one between two without a trailer', () => {
    const whole = reader();
    whole.take(data.subarray(0, -2));
    whole.finish();
    const broken = reader();
    broken.take(data.subarray(0, -4));
    expect(() => broken.finish()).toThrow('unexpected EOF in COPY data');
  });

  test('refuses a row beyond the bound while it comes', () => {
    const bounded = reader(8);
    const header = data.subarray(0, COPY_SIGNATURE.length + 11);
    bounded.take(header);
    expect(() => bounded.take(Buffer.from(`000200000100${'00'.repeat(8)}`, 'hex'))).toThrow(
      'exceeds the limit of 8 bytes',
    );
  });
});
