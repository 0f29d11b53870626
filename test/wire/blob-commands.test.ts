/** `orbit blobs …` as an operator runs it. */

import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT, runOrbit } from '../support/server.ts';

const FIXTURES = join(ROOT, 'test/fixtures/seaweedfs');
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'orbit-blob-commands-'));
  for (const extension of ['dat', 'idx']) cpSync(join(FIXTURES, `1.${extension}`), join(directory, `7.${extension}`));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('checks, fixes, exports and compacts a volume of SeaweedFS', { timeout: 120_000 }, async () => {
  const healthy = await runOrbit('blobs', 'check', directory);
  expect([healthy.code, healthy.stdout]).toEqual([0, 'volume 7: 298 records, 298 live, 0 deleted: ok\n']);

  const idx = readFileSync(join(directory, '7.idx'));
  unlinkSync(join(directory, '7.idx'));
  expect((await runOrbit('blobs', 'fix', directory, '7')).stdout).toBe('volume 7: 298 needles indexed\n');
  expect(readFileSync(join(directory, '7.idx')).equals(idx)).toBe(true);

  const tar = join(directory, 'out.tar');
  const exported = await runOrbit('blobs', 'export', directory, '7', '-o', tar, '--format', '{{.Id}}/{{.Name}}');
  expect(exported.stdout).toContain('298 needles');
  const members = execFileSync('tar', ['tf', tar], { encoding: 'utf8' }).trim().split('\n');
  expect(members).toHaveLength(298);
  expect(members).toContain('08ccd23656/.DS_Store');

  const dat = readFileSync(join(directory, '7.dat'));
  dat[9_000]! ^= 0x10; // In the data of needle 7.
  writeFileSync(join(directory, '7.dat'), dat);
  truncateSync(join(directory, '7.dat'), dat.length - 5);
  const damaged = await runOrbit('blobs', 'check', directory, '7');
  expect(damaged.code).toBe(1);
  expect(damaged.stdout).toContain('needle 7,0737ea8be4: its data does not have its checksum');
  expect(damaged.stdout).toContain('its record is cut off');
  const fixed = await runOrbit('blobs', 'fix', directory, '7');
  expect(fixed.stdout).toMatch(/297 needles indexed\ncut off \d+ torn bytes/);
  expect(fixed.stdout).toContain('damaged: 7,0737ea8be4');

  const compacted = await runOrbit('blobs', 'compact', directory, '7');
  expect(compacted.stdout).toMatch(/0 % garbage, (\d+) bytes before, \1 after/);
  expect(readFileSync(join(directory, '7.dat')).readUInt16BE(4)).toBe(1);
});

it('creates and marks volumes, and says what is wrong', { timeout: 120_000 }, async () => {
  const made = await runOrbit(
    'blobs',
    'create',
    directory,
    '9',
    '--collection',
    'pictures',
    '--ttl',
    '24h',
    '--replication',
    '010',
  );
  expect(made.stdout).toBe(`${directory}/pictures_9.dat\n`);
  expect(readFileSync(join(directory, 'pictures_9.dat')).toString('hex')).toBe('030a010300000000');
  expect((await runOrbit('blobs', 'mark', directory, '9', 'read-only')).code).toBe(0);
  expect(JSON.parse(readFileSync(join(directory, 'pictures_9.vif'), 'utf8'))).toMatchObject({ readOnly: true });
  expect((await runOrbit('blobs', 'compact', directory, '77')).stderr).toContain('there is no volume 77');
  expect((await runOrbit('blobs', 'export', directory, '9')).stderr).toContain('Add --output FILE.tar');
});
