/** Numbers of transactions and snapshots of them as values: `xid8`, `pg_snapshot` (PostgreSQL's xid8funcs.c). */

import { SqlError } from '../sql-error.ts';

const XID8_MAX = 2n ** 64n - 1n;

/** As C's strtoull reads it, to base 8, 10 or 16: what is no number is 0, and nothing is refused. */
export function parseXid8(text: string): bigint {
  const read = /^\s*([+-]?)(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)/i.exec(text);
  if (read === null) return 0n;
  const digits = read[2]!;
  const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
  if (value > XID8_MAX) return XID8_MAX;
  return read[1] === '-' ? BigInt.asUintN(64, -value) : value;
}

export interface Snapshot {
  /** Transactions before it had ended. */
  readonly xmin: bigint;
  /** Transactions from it on had not begun. */
  readonly xmax: bigint;
  /** Those in between that had not ended, in order. */
  readonly running: readonly bigint[];
}

export function formatSnapshot({ xmin, xmax, running }: Snapshot): string {
  return `${xmin}:${xmax}:${running.join(',')}`;
}

/** The value of a snapshot is its text in canonical form. */
export function readSnapshot(text: string): Snapshot {
  const [xmin, xmax, running] = text.split(':') as [string, string, string];
  return { xmin: BigInt(xmin), xmax: BigInt(xmax), running: running === '' ? [] : running.split(',').map(BigInt) };
}

/** Of either name; there is but one in messages. @throws SqlError `invalid_text_representation`. */
export function parseSnapshot(text: string): string {
  const refused = (): SqlError =>
    new SqlError('invalid_text_representation', `invalid input syntax for type pg_snapshot: "${text}"`);
  if (!/^\d{1,19}:\d{1,19}:(?:\d{1,19}(?:,\d{1,19})*)?$/.test(text)) throw refused();
  const { xmin, xmax, running } = readSnapshot(text);
  if (xmin === 0n || xmax === 0n || xmin > xmax || xmax >= 2n ** 63n) throw refused();
  for (let i = 0; i < running.length; i++) {
    const xid = running[i]!;
    if (xid < xmin || xid >= xmax || (i > 0 && xid < running[i - 1]!)) throw refused();
  }
  return formatSnapshot({ xmin, xmax, running: running.filter((xid, i) => xid !== running[i - 1]) });
}

/** Whether what a transaction did is there in a snapshot. */
export function isVisible(xid: bigint, { xmin, xmax, running }: Snapshot): boolean {
  return xid < xmin || (xid < xmax && !running.includes(xid));
}
