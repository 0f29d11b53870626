/** How frames reach the segment that is being written, on the machine's own files. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newNodePlatform, temporaryDirectory } from '../platform/node-platform.ts';
import { CurrentSegment } from './current-segment.ts';
import { SEGMENT_HEADER_BYTES } from './log-format.ts';

const BYTES = 64 * 1024 * 1024;

let directory: string;
let current: CurrentSegment;

beforeEach(async () => {
  directory = await mkdtemp(join(temporaryDirectory(), 'orbit-segment-'));
  const header = { number: 1, logId: 1n, firstVersion: 1, firstSequence: 1 };
  const path = join(directory, 'segment');
  const segment = { number: 1, path, header, bytes: BYTES, endOffset: SEGMENT_HEADER_BYTES, lastVersion: 0 };
  current = await CurrentSegment.open(newNodePlatform(), segment, 0);
  await current.begin();
});

afterEach(async () => {
  await current.close();
  await rm(directory, { recursive: true });
});

test('a small frame is in the file when writeNow returns', async () => {
  const frame = Buffer.alloc(512, 'f');
  expect(current.writeNow(frame)).toBe(true);
  const file = await readFile(current.segment.path);
  expect(file.subarray(SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES + 512)).toEqual(frame);
});

test('a large frame is left to the thread pool', async () => {
  expect(current.writeNow(Buffer.alloc(64 * 1024, 'f'))).toBe(false);
  const file = await readFile(current.segment.path);
  expect(file.subarray(SEGMENT_HEADER_BYTES).every((byte) => byte === 0)).toBe(true);
});

test('while the file is being filled every frame is left to the thread pool', async () => {
  const filled = current.allocate(BYTES / 2);
  expect(current.writeNow(Buffer.alloc(512, 'f'))).toBe(false);
  await filled;
  expect(current.writeNow(Buffer.alloc(512, 'f'))).toBe(true);
});
