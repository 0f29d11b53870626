/**
 * Which transactions of this process hold locks, in a file of the data directory: for the process that comes after it. One
 * that was killed leaves locks behind for which everybody would wait until they expire, 20 seconds; its successor knows whose
 * they were and ends those transactions at once.
 *
 * A line per event: `+START PRIMARY` before the first lock is asked for, `-START` when there are none any more; START is a
 * timestamp in decimal, PRIMARY a key in hexadecimal. Nothing is synced, as a killed process takes nothing along that was
 * written; what is missing or torn after a power failure costs those 20 seconds and nothing else. Lines of transactions
 * that have ended are harmless: what was committed stays so.
 */

import { latin1 } from '../../base/bytes.ts';
import { hasCode } from '../../base/errors.ts';
import type { File, Files } from '../../platform/files.ts';

/** Once nothing is open, a file longer than this is begun anew. */
const RESTART_BYTES = 256 * 1024;
/** Of a file that has never come to a moment without locks: beyond it, what is open is written anew. */
const BYTES_MAX = 16 * 1024 * 1024;

export interface LeftBehind {
  readonly startTs: bigint;
  readonly primary: Buffer;
}

export class LockJournal {
  /** Of the process before this one. */
  readonly left: readonly LeftBehind[];
  readonly #file: File;
  readonly #onFailure: (error: unknown) => void;
  readonly #open = new Map<bigint, string>();
  #lines: string[] = [];
  #position: number;
  #writing: Promise<void> | undefined;
  #failed = false;

  private constructor(file: File, position: number, left: readonly LeftBehind[], onFailure: (error: unknown) => void) {
    this.#file = file;
    this.#position = position;
    this.left = left;
    this.#onFailure = onFailure;
  }

  /** `onFailure` hears of it once, when the file cannot be written any more. @throws OperationError of the files. */
  static async open(files: Files, path: string, onFailure: (error: unknown) => void): Promise<LockJournal> {
    const before = await files.read(path).catch((error: unknown) => {
      if (hasCode(error, 'not_found')) return Buffer.alloc(0);
      throw error;
    });
    const file = await files.open(path, { mode: 'create' });
    const left = parse(latin1(before));
    const journal = new LockJournal(file, 0, left, onFailure);
    await file.truncate(0);
    // Until they are known to have ended, they are for this process's own successor too.
    for (const { startTs, primary } of left) journal.locking(startTs, primary);
    return journal;
  }

  locking(startTs: bigint, primary: Uint8Array): void {
    const line = `+${startTs} ${Buffer.from(primary).toString('hex')}\n`;
    this.#open.set(startTs, line);
    this.#add(line);
  }

  unlocked(startTs: bigint): void {
    if (this.#open.delete(startTs)) this.#add(`-${startTs}\n`);
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }

  /** What one stretch of work has to say is written with its end, before what it sent leaves the process. */
  #add(line: string): void {
    if (this.#failed) return;
    this.#lines.push(line);
    if (this.#lines.length === 1 && this.#writing === undefined) queueMicrotask(() => this.#write());
  }

  #write(): void {
    const restarts = this.#position > (this.#open.size === 0 ? RESTART_BYTES : BYTES_MAX);
    const bytes = Buffer.from((restarts ? [...this.#open.values()] : this.#lines).join(''), 'latin1');
    this.#lines = [];
    const position = restarts ? 0 : this.#position;
    this.#position = position + bytes.length;
    try {
      if (!restarts && this.#file.writeNow !== undefined) {
        this.#file.writeNow(bytes, position);
        return;
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    const write = async () => {
      if (restarts) await this.#file.truncate(0);
      await this.#file.write(bytes, position);
    };
    this.#writing = write()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#writing = undefined;
        if (this.#lines.length > 0) this.#write();
      });
  }

  #fail(error: unknown): void {
    this.#failed = true;
    this.#lines = [];
    this.#onFailure(error);
  }
}

function parse(lines: string): readonly LeftBehind[] {
  const open = new Map<string, Buffer>();
  for (const line of lines.split('\n')) {
    const began = /^\+(\d{1,20}) ((?:[0-9a-f]{2})+)$/.exec(line);
    if (began !== null) open.set(began[1]!, Buffer.from(began[2]!, 'hex'));
    else if (line.startsWith('-')) open.delete(line.slice(1));
  }
  return [...open].map(([startTs, primary]) => ({ startTs: BigInt(startTs), primary }));
}
