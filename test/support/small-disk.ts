/** A file system in memory of a given size, for tests of a disk that is really full. Needs the right to mount (root on Linux). */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @returns where it is mounted, or undefined where that is not allowed. */
export function mountSmallDisk(sizeMb: number): string | undefined {
  const at = mkdtempSync(join(tmpdir(), 'orbit-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMb}m`, 'orbit-full', at], { stdio: 'ignore' });
    return at;
  } catch {
    rmSync(at, { recursive: true, force: true });
    return undefined;
  }
}

/** Also when files of it are still open. */
export function unmountSmallDisk(at: string): void {
  execFileSync('umount', ['-l', at]);
  rmSync(at, { recursive: true, force: true });
}
