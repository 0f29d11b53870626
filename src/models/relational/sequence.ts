/**
 * Sequences: definitions in the catalog, positions outside of it. Documented in docs/formats/relational.md.
 *
 *   {prefix}/catalog/    ('sequence', id)  -> definition as JSON
 *   {prefix}/relational/ (id)              -> `last called`: decimal text and 0 or 1; absent: not asked yet
 *
 * A position is written ahead of the values that are given out, in a commit of its own, so that it neither rolls back
 * with who asked nor gives a value twice after a crash: what was reserved and not given out is then left out.
 */

import { type Bytes, text, utf8 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import type { Transaction } from '../../storage/store.ts';
import type { TableId } from './table.ts';

export interface SequencePosition {
  readonly last: bigint;
  /** Whether `last` was given out; otherwise it is the next value. */
  readonly called: boolean;
}

export interface Sequence {
  readonly id: TableId;
  readonly name: string;
  /** Id of its schema; undefined in `public`. */
  readonly schema?: number;
  readonly type: 'int2' | 'int4' | 'int8';
  readonly start: bigint;
  readonly increment: bigint;
  readonly min: bigint;
  readonly max: bigint;
  readonly cache: bigint;
  readonly cycle: boolean;
  /** Where the change that wrote this definition set it; the position under its own key may be further on. */
  readonly position?: SequencePosition;
  /** As of `Table`. */
  readonly unlogged?: boolean;
  readonly comment?: string;
  /** The column that it lives and dies with. */
  readonly owner?: { readonly table: TableId; readonly column: number; readonly identity: boolean };
}

export function sequenceKey(keyspace: Keyspace, id: TableId): Key {
  return keyspace.catalog.key(['sequence', BigInt(id)]);
}

export function sequencesRange(keyspace: Keyspace): KeyRange {
  return keyspace.catalog.range(['sequence']);
}

/** Sets a sequence as part of a transaction: it counts from its commit on. */
export function setPosition(
  transaction: Pick<Transaction, 'put'>,
  keyspace: Keyspace,
  sequence: Sequence,
  position: SequencePosition,
): void {
  transaction.put(sequenceKey(keyspace, sequence.id), encodeSequence({ ...sequence, position }));
  transaction.put(positionKey(keyspace, sequence.id), encodePosition(position));
}

export function positionKey(keyspace: Keyspace, id: TableId): Key {
  return keyspace.relational.key([BigInt(id)]);
}

const FORMAT = 1;
const NUMBERS = ['start', 'increment', 'min', 'max', 'cache'] as const;

export function encodeSequence(sequence: Sequence): Bytes {
  const numbers = Object.fromEntries(NUMBERS.map((name) => [name, sequence[name].toString()]));
  const { position } = sequence;
  const set = position === undefined ? {} : { position: { last: position.last.toString(), called: position.called } };
  return utf8(JSON.stringify({ format: FORMAT, ...sequence, ...numbers, ...set }));
}

/** @throws OperationError `corruption`, `store_format`. */
export function decodeSequence(bytes: Bytes): Sequence {
  let stored: Record<string, unknown>;
  try {
    stored = JSON.parse(text(bytes)) as Record<string, unknown>;
  } catch (error) {
    throw new OperationError('corruption', 'the definition of a sequence is no JSON', { cause: error });
  }
  const { format, ...sequence } = stored;
  if (format !== FORMAT) {
    throw new OperationError(
      'store_format',
      `the definition of a sequence has format ${String(format)}, not ${FORMAT}`,
    );
  }
  const numbers = Object.fromEntries(NUMBERS.map((name) => [name, BigInt(sequence[name] as string)]));
  const position = sequence.position as { readonly last: string; readonly called: boolean } | undefined;
  const set = position === undefined ? {} : { position: { last: BigInt(position.last), called: position.called } };
  return { ...sequence, ...numbers, ...set } as unknown as Sequence;
}

export function encodePosition({ last, called }: SequencePosition): Bytes {
  return utf8(`${last} ${called ? 1 : 0}`);
}

/** @throws OperationError `corruption`. */
export function decodePosition(bytes: Bytes): SequencePosition {
  const match = /^(-?\d+) ([01])$/.exec(text(bytes));
  if (match === null) throw new OperationError('corruption', 'the position of a sequence is malformed');
  return { last: BigInt(match[1]!), called: match[2] === '1' };
}
