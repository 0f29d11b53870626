/** A memtable of the store: versions `baseVersion + 1` to `lastVersion`. */

import type { Bytes } from '../base/bytes.ts';
import { Memtable } from './memtable.ts';
import type { Version } from './store.ts';

export class VersionedMemtable extends Memtable {
  /** Of a transaction's write set known once it is committed. */
  baseVersion: Version;
  lastVersion: Version;
  /** No more writes; waits for its turn to be applied. */
  sealed = false;
  /** The engine holds all of it. */
  applied = false;
  /** Its arena went back to the pool; what it holds lies in memory of its own. */
  shrunk = false;

  constructor(arena: Bytes, keysExpected: number, baseVersion: Version) {
    super(arena, keysExpected);
    this.baseVersion = baseVersion;
    this.lastVersion = baseVersion;
  }
}
