/**
 * The modes of locks on tables, by PostgreSQL's numbers and names (manual, 13.3.1), and which of them a transaction holds: as bits, so
 * that a statement that writes asks for one number.
 */

export type TableMode = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

export const ROW_SHARE: TableMode = 2;
export const ROW_EXCLUSIVE: TableMode = 3;
export const ACCESS_EXCLUSIVE: TableMode = 8;

const NAMES = [
  'AccessShareLock',
  'RowShareLock',
  'RowExclusiveLock',
  'ShareUpdateExclusiveLock',
  'ShareLock',
  'ShareRowExclusiveLock',
  'ExclusiveLock',
  'AccessExclusiveLock',
] as const;

/** Those that keep writers out: who holds one of them needs nothing more to write. */
const ALONE = 0b1_1110_0000;
/** What was only told of stands this much further left. */
const TOLD = 9;

/** A lock on a table, as pg_locks tells it. */
export interface TableLock {
  readonly table: number;
  readonly mode: (typeof NAMES)[number];
}

/** The locks of one transaction. */
export class HeldTables {
  readonly #modes = new Map<number, number>();

  /** Whether it may do to rows of the table what takes that mode; if so by a stronger one, that mode is told of from then on. */
  covers(table: number, mode: TableMode): boolean {
    const held = this.#modes.get(table) ?? 0;
    if ((held & (1 << mode)) !== 0) return true;
    if ((held & ALONE) === 0) return false;
    this.tell(table, mode);
    return true;
  }

  add(table: number, mode: TableMode): void {
    this.#modes.set(table, (this.#modes.get(table) ?? 0) | (1 << mode));
  }

  /** Of a lock that lets nothing be done to rows: it is only told of. */
  tell(table: number, mode: TableMode): void {
    this.#modes.set(table, (this.#modes.get(table) ?? 0) | (1 << (mode + TOLD)));
  }

  *all(): Iterable<TableLock> {
    for (const [table, bits] of this.#modes) {
      const modes = bits | (bits >> TOLD);
      for (let mode = 1; mode <= NAMES.length; mode++) {
        if ((modes & (1 << mode)) !== 0) yield { table, mode: NAMES[mode - 1]! };
      }
    }
  }
}
