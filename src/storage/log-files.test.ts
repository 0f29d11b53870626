/** Which file becomes which segment, on the machine's own files. */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silentLog } from '../base/log.ts';
import { newNodePlatform, temporaryDirectory } from '../platform/node-platform.ts';
import { LogFiles } from './log-files.ts';
import { SEGMENT_HEADER_BYTES, segmentName } from './log-format.ts';

const SEGMENT_BYTES = 4096;

let directory: string;
/** What a file waits for before it takes another name. */
let beforeRename: () => Promise<void>;
let files: LogFiles;

beforeEach(async () => {
  directory = await mkdtemp(join(temporaryDirectory(), 'orbit-log-files-'));
  beforeRename = async () => {};
  const platform = newNodePlatform();
  const rename = platform.files.rename.bind(platform.files);
  vi.spyOn(platform.files, 'rename').mockImplementation(async (source, target) => {
    await beforeRename();
    await rename(source, target);
  });
  const hooks = {
    onDiskFull: () => {},
    onBroken: (error: Error) => {
      throw error;
    },
  };
  const options = { directory, segmentBytes: SEGMENT_BYTES, retainBytes: 0 };
  const replay = { onFrame: () => {}, enginePosition: 0 };
  files = (await LogFiles.open(platform, silentLog, options, hooks, replay)).files;
});

afterEach(async () => {
  await files.close();
  await rm(directory, { recursive: true });
});

/** Writes what is no frame, as far as anybody here looks. */
async function write(bytes: number, version: number, fill: string): Promise<void> {
  const current = await files.room(bytes, { version, sequence: version });
  await current.write(Buffer.alloc(bytes, fill), false);
  current.wrote(bytes, version);
}

/** Until one is there, and the current segment is filled with zeros to its end. */
async function prepareSpare(): Promise<void> {
  await expect
    .poll(async () => {
      files.prepareSpare();
      return (await readdir(directory)).filter((name) => name.startsWith('spare-')).length;
    })
    .toBeGreaterThan(0);
  await expect.poll(() => files.roomNow(1)?.allocated).toBe(SEGMENT_BYTES);
}

async function shown(number: number): Promise<string> {
  const bytes = await readFile(join(directory, segmentName(number)));
  return `${bytes.length} bytes, ${bytes.toString('latin1', SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES + 3)}`;
}

test('a spare that is on its way to become a segment is not filled with zeros as the next one', async () => {
  await write(3_000, 1, 'a');
  await prepareSpare();
  const renamed = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  beforeRename = () => {
    asked.resolve();
    return renamed.promise;
  };
  const written = write(3_000, 2, 'b');
  await asked.promise;
  // As whoever trims the log does, meanwhile.
  const before = await readdir(directory);
  files.prepareSpare();
  await expect.poll(() => readdir(directory)).not.toEqual(before);
  renamed.resolve();
  await written;
  await prepareSpare();
  await write(3_000, 3, 'c');
  expect(await Promise.all([1, 2, 3].map(shown))).toEqual(
    ['a', 'b', 'c'].map((each) => `4096 bytes, ${each.repeat(3)}`),
  );
});
