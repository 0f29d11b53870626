/** A directory of its own for each test, with stores opened in it by this process and by others. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import type { Durability } from '../../src/base/durability.ts';
import { silentLog } from '../../src/base/log.ts';
import { openRocksDbStore } from '../../src/providers/rocksdb/open.ts';
import type { LocalStore } from '../../src/storage/local-store.ts';
import { platform } from './stores.ts';

const CHILD = fileURLToPath(new URL('storage-child.ts', import.meta.url));

export interface DataDirectory {
  readonly path: string;
  /** Closed after the test. */
  readonly open: (durability?: Durability) => Promise<LocalStore>;
  /** Starts `storage-child.ts` on the directory; killed after the test. */
  readonly startWriter: (durability: Durability) => { child: ChildProcess; lines: AsyncIterator<string> };
}

/** For the tests of a file: call it once, at the top. */
export function useDataDirectory(): DataDirectory {
  let path = '';
  const stores: LocalStore[] = [];
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'orbit-directory-'));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) await kill(child);
    for (const store of stores.splice(0)) await store.close();
    await rm(path, { recursive: true, force: true });
  });
  return {
    get path() {
      return path;
    },
    async open(durability = 'disk') {
      const store = await openRocksDbStore({
        name: 'faults',
        directory: path,
        platform,
        log: silentLog,
        durability,
        overlayBytesMax: 1 << 20,
        logSegmentBytes: 1 << 20,
        logRetainBytes: 2 << 20,
        applyDelayMs: 5,
      });
      stores.push(store);
      return store;
    },
    startWriter(durability) {
      const child = spawn(process.execPath, [CHILD, path, durability], { stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(child);
      return { child, lines: createInterface({ input: child.stdout! })[Symbol.asyncIterator]() };
    },
  };
}

/** kill -9, and waits until it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

export async function put(store: LocalStore, key: string, value: string): Promise<number> {
  const transaction = store.begin();
  transaction.put(utf8(key), utf8(value));
  return (await transaction.commit()).version;
}
