import { expect, test } from 'vitest';
import { type Bytes, compareBytes, text, utf8 } from '../../base/bytes.ts';
import { ReadAhead } from './read-ahead.ts';

const NO_BYTES = new Uint8Array(0);

/** A thread that reads ahead among some keys, and what it was asked for. */
function readerOf(keys: readonly string[]) {
  const asked: string[] = [];
  const read: string[] = [];
  let reply = (): void => {};
  const ahead: ReadAhead = new ReadAhead(utf8('skipped/'), ({ readFrom, count }) => {
    asked.push(text(readFrom));
    reply = () => {
      const found = keys.filter((key) => compareBytes(utf8(key), readFrom) >= 0).slice(0, Math.min(count, 2));
      read.push(...found);
      const last: Bytes | undefined = found.length === 0 ? undefined : utf8(found.at(-1)!);
      ahead.accept({ position: 1, bytes: NO_BYTES, offsets: new Uint32Array(1), last });
    };
  });
  return { ahead, asked, read, reply: () => reply() };
}

test('goes once around from the first value that was missed, a piece for each miss', () => {
  const { ahead, asked, read, reply } = readerOf(['a', 'b', 'c', 'd', 'e']);
  for (let misses = 0; misses < 20; misses++) {
    ahead.miss(utf8('c'));
    if (ahead.isPending) reply();
  }
  expect(new Set(read)).toEqual(new Set(['a', 'b', 'c', 'd', 'e']));
  // The last piece goes beyond where the round began.
  expect(read.length).toBeLessThanOrEqual(7);
  expect(asked[0]).toBe('c');
  ahead.restart();
  ahead.miss(utf8('b'));
  expect(asked.at(-1)).toBe('b');
});

test('asks for one piece at a time', () => {
  const { ahead, asked, reply } = readerOf(['a', 'b', 'c']);
  ahead.miss(utf8('a'));
  ahead.miss(utf8('b'));
  expect(asked).toEqual(['a']);
  reply();
  ahead.miss(utf8('b'));
  expect(asked).toHaveLength(2);
});

test('goes past what is left out', () => {
  const { ahead, asked, reply } = readerOf(['a', 'skipped/1', 'skipped/2', 'skipped/3', 'z']);
  for (let misses = 0; misses < 3; misses++) {
    ahead.miss(utf8('a'));
    if (ahead.isPending) reply();
  }
  expect(asked[1]).toBe('skipped0');
});
