/** kill -9 while a volume is encoded, rebuilt and decoded: no wrong byte is served. More rounds: `npm run soak -- erasure`. */

import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  decodeCommand,
  encodeCommand,
  rebuildCommand,
  scrubCommand,
  statusCommand,
} from '../../src/erasure-commands.ts';
import { runErasureKill } from '../soak/erasure.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const FIXTURES = join(import.meta.dirname, '../fixtures/seaweedfs');

describe('erasure coding and kill -9', () => {
  it('serves no wrong byte after any of them', async () => {
    const report = await runErasureKill({ seed, rounds: 4, bytes: 12_000_000, killAfterMs: [10, 900] });
    expect(report.problems).toEqual([]);
    expect(report.kills).toBe(4);
  });
});

describe('orbit blobs ec', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'orbit-ec-'));
    cpSync(FIXTURES, directory, { recursive: true });
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('encodes, tells what is lost, rebuilds and decodes', async () => {
    const lines: string[] = [];
    const out = (line: string) => void lines.push(line);
    const last = () => lines.splice(0).join('\n');
    await encodeCommand(directory, 1, {}, out);
    expect(last()).toMatch(/100 %\nvolume 1: 298 needles, 2590912 bytes, in 14 shards of 1048576 bytes$/);
    for (const shard of ['02', '13']) rmSync(join(directory, `1.ec${shard}`));
    await statusCommand(directory, 1, out);
    expect(last()).toContain('lost shards: 2, 13; 2 more may be lost');
    expect(await scrubCommand(directory, 1, {}, out)).toBe(false);
    expect(last()).toContain('lost shards: 2, 13');
    expect(await rebuildCommand(directory, 1, {}, out)).toBe(true);
    expect(last()).toContain('lost shards: 2, 13, made anew');
    await decodeCommand(directory, 1, {}, out);
    expect(last()).toContain('298 needles, 0 deleted since');
    const dat = (path: string) => readFileSync(join(path, '1.dat'));
    expect(dat(directory).equals(dat(FIXTURES))).toBe(true);
    await statusCommand(directory, 1, out);
    expect(last()).toBe('volume 1: not erasure coded');
    await expect(encodeCommand(directory, 9, {}, out)).rejects.toThrow('there is no volume 9');
  });
});
