import { expect, test } from 'vitest';
import { compareBytes, printable } from '../base/bytes.ts';
import { rangeContains } from '../storage/key-range.ts';
import { Keyspace } from '../storage/keyspace.ts';
import {
  addressOf,
  decodeDueKey,
  dueKey,
  dueRange,
  leaseKey,
  reminderKey,
  reminderRange,
  stateKey,
  tableKey,
} from './keys.ts';

const space = new Keyspace().actors;

test('the bytes on disk are those of format 1', () => {
  expect(printable(leaseKey(space, 'seat', 'h'))).toBe('orbit/actors/0seat\\x00\\x010h\\x00\\x01');
  expect(printable(stateKey(space, 'seat', 'h'))).toBe('orbit/actors/0seat\\x00\\x010h\\x00\\x01\\x15\\x01');
  expect(printable(reminderKey(space, 'seat', 'h', 'r'))).toBe(
    'orbit/actors/0seat\\x00\\x010h\\x00\\x01\\x15\\x020r\\x00\\x01',
  );
  expect(printable(tableKey(space, 'seat', 'h', [true]))).toBe(
    'orbit/actors/0seat\\x00\\x010h\\x00\\x01\\x15\\x03\\x03',
  );
  expect(printable(dueKey(space, 258, 'seat', 'h', 'r'))).toBe(
    'orbit/actors/0\\x00\\x010due\\x00\\x01\\x16\\x01\\x020seat\\x00\\x010h\\x00\\x010r\\x00\\x01',
  );
});

test('due reminders are ordered by time, and their range holds nothing else', () => {
  const times = [0, 1, 255, 256, 65_535, 2 ** 40, 2 ** 40 + 1];
  const keys = times.map((time) => dueKey(space, time, 't', 'k', 'n'));
  expect([...keys].sort(compareBytes)).toEqual(keys);
  const range = dueRange(space);
  expect(keys.every((key) => rangeContains(range, key))).toBe(true);
  expect(rangeContains(range, reminderKey(space, 't', 'k', 'n'))).toBe(false);
  expect(decodeDueKey(space, keys[5]!)).toEqual({ dueAtMs: 2 ** 40, type: 't', key: 'k', name: 'n' });
});

test('the reminders of one actor are not those of another whose key begins alike', () => {
  const range = reminderRange(space, 't', 'a');
  expect(rangeContains(range, reminderKey(space, 't', 'a', ''))).toBe(true);
  expect(rangeContains(range, reminderKey(space, 't', 'ab', ''))).toBe(false);
  expect(rangeContains(range, stateKey(space, 't', 'a'))).toBe(false);
});

test('an address without key is the type alone', () => {
  expect(addressOf('clock', '')).toBe('clock');
  expect(addressOf('seat-map', 'hamlet')).toBe('seat-map/hamlet');
});
