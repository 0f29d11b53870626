/**
 * Where actors keep their data: the tuples of `{prefix}/actors/`. Listed in docs/formats/actors.md.
 *
 *   (type, key)                               -> lease: member, epoch, expiry (cluster/lease-record.ts)
 *   (type, key, STATE)                        -> saved state (state-codec.ts)
 *   (type, key, REMINDER, name)               -> reminder (reminders.ts)
 *   (type, key, TABLE, ...values)             -> whatever the actor itself puts there
 *   ('', 'due', dueAtMs, type, key, name)     -> empty: reminders in the order in which they are due
 *
 * No type is named '', so the index never meets an actor.
 */

import { OperationError } from '../base/errors.ts';
import type { Key, KeyRange } from '../storage/key-range.ts';
import type { Subspace } from '../storage/keyspace.ts';
import type { TupleValue } from '../storage/tuple.ts';
import type { ActorKey } from './actor.ts';

// On disk since format 1: never renumber.
export const STATE = 1n;
const REMINDER = 2n;
export const TABLE = 3n;
const INDEX = '';
const DUE = 'due';

/** Longest text of an actor's key, in UTF-16 units. */
const ACTOR_KEY_CHARS_MAX = 1_024;

/** The text that addresses an actor. @throws OperationError `invalid_argument`. */
export function keyText(key: ActorKey): string {
  switch (typeof key) {
    case 'string':
      if (key.length > ACTOR_KEY_CHARS_MAX) {
        throw new OperationError('invalid_argument', `an actor key of ${key.length} characters is too long`, {
          hint: `use at most ${ACTOR_KEY_CHARS_MAX}`,
        });
      }
      return key;
    case 'number':
      if (!Number.isSafeInteger(key)) {
        throw new OperationError('invalid_argument', `${key} cannot be an actor key`, { hint: 'use a safe integer' });
      }
      return String(key);
    case 'bigint':
      return String(key);
    case 'undefined':
      return '';
    default:
      throw new OperationError('invalid_argument', `a value of type ${typeof key} cannot be an actor key`);
  }
}

/** What messages call an actor: `seat-map/hamlet`, or `clock` for an actor without key. */
export function addressOf(type: string, key: string): string {
  return key === '' ? type : `${type}/${key}`;
}

export function leaseKey(space: Subspace, type: string, key: string): Key {
  return space.key([type, key]);
}

export function stateKey(space: Subspace, type: string, key: string): Key {
  return space.key([type, key, STATE]);
}

export function reminderKey(space: Subspace, type: string, key: string, name: string): Key {
  return space.key([type, key, REMINDER, name]);
}

export function reminderRange(space: Subspace, type: string, key: string): KeyRange {
  return space.range([type, key, REMINDER]);
}

export function tableKey(space: Subspace, type: string, key: string, values: readonly TupleValue[]): Key {
  return space.key([type, key, TABLE, ...values]);
}

export function dueKey(space: Subspace, dueAtMs: number, type: string, key: string, name: string): Key {
  return space.key([INDEX, DUE, BigInt(dueAtMs), type, key, name]);
}

/** The index, in the order in which its reminders are due. */
export function dueRange(space: Subspace): KeyRange {
  return space.range([INDEX, DUE]);
}

export interface DueEntry {
  readonly dueAtMs: number;
  readonly type: string;
  readonly key: string;
  readonly name: string;
}

/** @throws OperationError `corruption`. */
export function decodeDueKey(space: Subspace, storedKey: Key): DueEntry {
  const reader = space.reader(storedKey);
  if (reader.text() !== INDEX || reader.text() !== DUE) throw new OperationError('corruption', 'not a due reminder');
  return { dueAtMs: reader.safeInt(), type: reader.text(), key: reader.text(), name: reader.text() };
}
