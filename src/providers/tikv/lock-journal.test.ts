import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newNodePlatform } from '../../platform/node-platform.ts';
import { LockJournal } from './lock-journal.ts';

const { files } = newNodePlatform();
let directory: string;
let path: string;
const failures: unknown[] = [];
const open = () => LockJournal.open(files, path, (error) => failures.push(error));
const key = (text: string) => Buffer.from(text);
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orbit-journal-'));
  path = join(directory, 'LOCKS-tikv');
});

afterEach(async () => {
  await rm(directory, { recursive: true });
  expect(failures).toEqual([]);
});

test('the successor of a killed process is told what held locks, until it has dealt with it', async () => {
  const killed = await open();
  expect(killed.left).toEqual([]);
  killed.locking(7n, key('a'));
  killed.locking(8n, key('b'));
  killed.locking(9n, key('\xff\0'));
  await turn();
  killed.unlocked(8n);
  killed.unlocked(8n);
  await turn();
  const next = await open();
  expect(next.left).toEqual([
    { startTs: 7n, primary: key('a') },
    { startTs: 9n, primary: key('\xff\0') },
  ]);
  next.unlocked(7n);
  await turn();
  const third = await open();
  expect(third.left.map(({ startTs }) => startTs)).toEqual([9n]);
  for (const journal of [killed, next, third]) await journal.close();
});

test('torn lines and foreign ones are passed over', async () => {
  await writeFile(path, '+5 61\nnonsense\n+6 6\n+7\n-x\n+8 62\n-5\n+9 6');
  const journal = await open();
  expect(journal.left).toEqual([{ startTs: 8n, primary: key('b') }]);
  await journal.close();
});

test('the file does not grow for ever', async () => {
  const journal = await open();
  journal.locking(1n, key('x'));
  let longest = 0;
  for (let i = 10n; i < 20_000n; i++) {
    journal.locking(i, key('some primary key'));
    if (i === 15_000n) journal.unlocked(1n);
    journal.unlocked(i);
    if (i % 100n === 0n) {
      await turn();
      await turn();
      longest = Math.max(longest, (await readFile(path)).length);
    }
  }
  journal.locking(30_000n, key('last'));
  await turn();
  await journal.close();
  expect((await readFile(path)).length).toBeLessThan(longest / 2);
  const next = await open();
  expect(next.left).toEqual([{ startTs: 30_000n, primary: key('last') }]);
  await next.close();
});
