import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hasCode } from '../base/errors.ts';
import { NodeFiles } from './node-files.ts';

it('preallocation takes blocks and keeps the length, or says that the system cannot', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'orbit-preallocate-'));
  try {
    const files = new NodeFiles();
    const path = join(directory, 'file');
    await files.writeAtomic(path, Buffer.from('begins'));
    try {
      await files.preallocate(path, 1024 * 1024);
      expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(1024 * 1024);
    } catch (error) {
      expect(hasCode(error, 'unsupported')).toBe(true);
    }
    expect(await files.size(path)).toBe(6);
    await expect(files.preallocate(path, 2 ** 62)).rejects.toMatchObject({
      code: expect.stringMatching(/^(?:unsupported|disk_full)$/),
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
