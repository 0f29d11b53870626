/**
 * A process that opens a RocksDB store and writes until it is killed. Prints `open`, then each acknowledged version on a
 * line of its own, or the code of the error with which opening failed. Arguments: directory, durability.
 */

import { utf8 } from '../../src/base/bytes.ts';
import type { Durability } from '../../src/base/durability.ts';
import { OperationError } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import { newNodePlatform } from '../../src/platform/node-platform.ts';
import { openRocksDbStore } from '../../src/providers/rocksdb/open.ts';

const [directory, durability] = process.argv.slice(2);

try {
  const store = await openRocksDbStore({
    name: 'child',
    directory: directory!,
    platform: newNodePlatform(),
    log: silentLog,
    durability: durability as Durability,
    overlayBytesMax: 1 << 20,
    logSegmentBytes: 1 << 20,
    logRetainBytes: 2 << 20,
    applyDelayMs: 5,
  });
  process.stdout.write('open\n');
  await Promise.all(
    Array.from({ length: 8 }, async (_, client) => {
      for (let i = 0; ; i++) {
        const transaction = store.begin();
        // Two keys that always agree: a torn transaction would show.
        transaction.put(utf8(`left/${client}`), utf8(String(i)));
        transaction.put(utf8(`filler/${client}/${i % 50}`), Buffer.alloc(500, 'x'));
        transaction.put(utf8(`right/${client}`), utf8(String(i)));
        const { version } = await transaction.commit();
        process.stdout.write(`${version} ${client} ${i}\n`);
      }
    }),
  );
} catch (error) {
  process.stdout.write(`${error instanceof OperationError ? error.code : String(error)}\n`);
}
