/** What an arena knows of whole databases: how many entries it has of each, and whether those are all its keys. */

export const DATABASES_MAX = 256;

export class EntryCounts {
  readonly all = new Int32Array(DATABASES_MAX);
  /** Of them, entries with a value. */
  readonly present = new Int32Array(DATABASES_MAX);
  /** Of them, entries that the arena's owner has marked. */
  readonly marked = new Int32Array(DATABASES_MAX);
  /** 1 for a complete database. */
  readonly complete = new Uint8Array(DATABASES_MAX);

  /** Whether every key of the database that has a value is in the arena. */
  isComplete(database: number): boolean {
    return this.complete[database] === 1;
  }

  /** The store holds no other keys of the database than those in the arena. */
  markComplete(database: number): void {
    this.complete[database] = 1;
  }

  /** The store may hold other keys of the database. */
  markIncomplete(database: number): void {
    this.complete[database] = 0;
  }

  /** Marked entries of all databases. */
  get markedOfAll(): number {
    let count = 0;
    for (const marked of this.marked) count += marked;
    return count;
  }

  clear(): void {
    this.all.fill(0);
    this.present.fill(0);
    this.marked.fill(0);
    this.complete.fill(0);
  }
}
