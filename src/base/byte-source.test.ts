import { expect, it } from 'vitest';
import { PieceSource } from './byte-source.ts';

it('pieces of any size are read in sizes of the reader', async () => {
  let isClosed = false;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      for (const length of [3, 0, 5, 1, 9]) yield new Uint8Array(length).map((_, i) => 10 * length + i);
    } finally {
      isClosed = true;
    }
  }
  const expected = [30, 31, 32, 50, 51, 52, 53, 54, 10, 90, 91, 92, 93, 94, 95, 96, 97, 98];
  for (const size of [1, 4, 6, 18, 40]) {
    const source = new PieceSource(pieces());
    const read: number[] = [];
    for (;;) {
      const into = new Uint8Array(size);
      const length = await source.read(into);
      read.push(...into.subarray(0, length));
      if (length < size) break;
    }
    expect(read, `by ${size}`).toEqual(expected);
  }
  const left = new PieceSource(pieces());
  await left.read(new Uint8Array(4));
  isClosed = false;
  await left.close();
  expect(isClosed).toBe(true);
});
