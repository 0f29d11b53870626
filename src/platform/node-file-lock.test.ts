/** The lock file among real processes, which plain Node runs from the sources. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFile } from './node-file-lock.ts';

const MODULE = JSON.stringify(new URL('./node-file-lock.ts', import.meta.url).href);

let directory: string;
let path: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  directory = await fs.mkdtemp(join(tmpdir(), 'orbit-lock-'));
  path = join(directory, 'LOCK');
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await fs.rm(directory, { recursive: true });
});

/** A process that tries to take the lock, prints "held" or the error's code, and then stays. */
async function startHolder(): Promise<{ readonly child: ChildProcess; readonly said: string }> {
  const code = `
    import { lockFile } from ${MODULE};
    try { await lockFile(process.argv[1]); console.log('held'); } catch (error) { console.log(error.code + ' ' + error.message); }
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [said] = (await once(child.stdout!, 'data')) as [Buffer];
  return { child, said: said.toString().trim() };
}

async function heldBy(changes: Record<string, unknown>): Promise<void> {
  const lock = await lockFile(path);
  const holder: unknown = JSON.parse(await fs.readFile(path, 'utf8'));
  await lock.release();
  const id = '00000000-0000-4000-8000-000000000000';
  await fs.writeFile(path, JSON.stringify({ ...(holder as object), id, ...changes }));
}

async function expectTakenOver(): Promise<void> {
  const lock = await lockFile(path);
  expect(JSON.parse(await fs.readFile(path, 'utf8'))).toMatchObject({ pid: process.pid });
  await lock.release();
  expect(await fs.readdir(directory)).toEqual([]);
}

describe('a lock file', () => {
  it('names the process that holds it, and is free the moment that one is killed', async () => {
    const { child, said } = await startHolder();
    expect(said).toBe('held');
    await expect(lockFile(path)).rejects.toMatchObject({
      code: 'store_locked',
      message: `${path} is in use by process ${child.pid}`,
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    await expectTakenOver();
  });

  it('is not held by another process that was given the same pid', async () => {
    const { child } = await startHolder();
    const holder = JSON.parse(await fs.readFile(path, 'utf8')) as { startTicks?: string };
    if (holder.startTicks === undefined) return; // No /proc here: the pid alone decides.
    await fs.writeFile(path, JSON.stringify({ ...holder, startTicks: String(Number(holder.startTicks) - 1) }));
    expect(child.exitCode).toBeNull();
    await expectTakenOver();
  });

  it('is not held by an earlier process of our own pid', async () => {
    await heldBy({ startTicks: '1' });
    await expectTakenOver();
  });

  it('is not held after a reboot', async () => {
    await heldBy({ boot: 'another boot' });
    await expectTakenOver();
  });

  it('counts a holder on another host as alive, and tells what to do', async () => {
    await heldBy({ host: `not-${hostname()}`, pid: 17 });
    await expect(lockFile(path)).rejects.toMatchObject({
      message: `${path} is in use by process 17 on not-${hostname()}`,
      hint: `If that process no longer runs, remove ${path}.`,
    });
  });

  it.each(['', '{"id":"00000', '{"pid":1}', '{"id":"../../x","pid":1,"host":"h"}', 'null'])(
    'is not held by a file that a power loss cut to %j',
    async (text) => {
      await fs.writeFile(path, text);
      await expectTakenOver();
    },
  );

  it('goes to one of many that find its holder dead, also when a taker died half way', async () => {
    await heldBy({ startTicks: '1' });
    const dead = await fs.readFile(path, 'utf8');
    await fs.writeFile(`${path}.${(JSON.parse(dead) as { id: string }).id}`, dead); // The guard of a dead taker.
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => lockFile(path)));
    const won = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(won).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'store_locked' });
    }
    await won[0]!.value.release();
    expect(await fs.readdir(directory)).toEqual([]);
  });

  it('goes to one of several processes that start at once', async () => {
    await heldBy({ startTicks: '1' });
    const said = (await Promise.all([startHolder(), startHolder(), startHolder()])).map((holder) => holder.said);
    expect(said.filter((one) => one === 'held')).toHaveLength(1);
    expect(said.filter((one) => one.startsWith('store_locked'))).toHaveLength(2);
  });

  it('fails where there is no directory for it', async () => {
    await expect(lockFile(join(directory, 'missing', 'LOCK'))).rejects.toMatchObject({ code: 'not_found' });
  });
});
