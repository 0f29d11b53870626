import { expect, test } from 'vitest';
import { Numeric } from '../../models/relational/numeric.ts';
import { MessageWriter, SCALE_MAX } from './message-writer.ts';

const SEED = Number(process.env.ORBIT_TEST_SEED ?? Math.trunc(Math.random() * 2 ** 31));

function written(digits: number, scale: number): string {
  const writer = new MessageWriter();
  writer.decimalField(digits, scale);
  const bytes = Buffer.from(writer.copyFrom(0));
  expect(bytes.readInt32BE(0)).toBe(bytes.length - 4);
  const text = bytes.toString('latin1', 4);
  const stored = Buffer.from(` ${digits} `);
  const again = new MessageWriter().digitsField(stored, 1, stored.length - 1, scale);
  expect(Buffer.from(again.copyFrom(0)), 'from its digits').toEqual(bytes);
  return text;
}

test('decimals are written as they are printed', () => {
  const edges = [0, 1, 9, 10, 99, 100, 2_147_483_647, 999_999_999_999_999, Number.MAX_SAFE_INTEGER];
  for (const digits of edges.flatMap((each) => [each, 0 - each])) {
    for (const scale of [0, 1, 2, 15, 16, 17, SCALE_MAX]) {
      expect(written(digits, scale), `${digits} / 10^${scale}`).toBe(new Numeric(digits, scale).toString());
    }
  }
  let state = SEED;
  for (let round = 0; round < 2_000; round++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    const digits = Math.trunc(state * 10 ** (round % 7));
    const scale = (state >>> 8) % 20;
    expect(written(digits, scale), `seed ${SEED}`).toBe(new Numeric(digits, scale).toString());
  }
});

test('integers of messages are big-endian, whatever their sign', () => {
  const writer = new MessageWriter();
  writer.begin('D').int16(-2).int16(258).int32(-1).int32(-2_147_483_648).int32(16_909_060).end();
  expect(writer.copyFrom(0)).toEqual(Buffer.from('4400000014fffe0102ffffffff8000000001020304', 'hex'));
});
