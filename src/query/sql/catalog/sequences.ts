/**
 * Sequences at work: definitions and positions of all of them in memory, so that nextval answers at once.
 *
 * Values are reserved ahead, 32 at a time as in PostgreSQL: the position is committed before the values it covers leave,
 * and the log keeps that order, so whatever is durable that holds a value is behind its reservation. After a crash the
 * rest of a reservation is left out; closing the engine gives it back.
 *
 * A sequence that the transaction itself created, or has begun anew (RESTART), is nobody else's yet: its position is kept by
 * the transaction and written when it commits. Others go on with the sequence as it was before.
 *
 * Where other processes use the same sequences, or the store answers late, a reservation is a transaction (`reserve`), and
 * no two overlap: values are unique, and in order within a process, as with CACHE in PostgreSQL. `next` then throws
 * `SequenceDry` when nothing is left; the statement waits for a reservation and begins again. Most do not come to that: a
 * reservation that is half used is followed by the next.
 */

import { assert } from '../../../base/assert.ts';
import { isPromise } from '../../../base/awaitable.ts';
import { type Bytes, copyBytes, equalBytes } from '../../../base/bytes.ts';
import type { Observer } from '../../../base/observer.ts';
import type { Schema } from '../../../models/relational/schema.ts';
import {
  decodePosition,
  decodeSequence,
  encodePosition,
  positionKey,
  type Sequence,
  type SequencePosition,
  sequencesRange,
} from '../../../models/relational/sequence.ts';
import { type Column, type ColumnValue, PUBLIC_SCHEMA, type TableId } from '../../../models/relational/table.ts';
import { uniformTable } from '../../../models/relational/uniform-definitions.ts';
import type { Platform } from '../../../platform/platform.ts';
import type { Keyspace } from '../../../storage/keyspace.ts';
import { runTransaction } from '../../../storage/run-transaction.ts';
import type { CommitRecord, Store } from '../../../storage/store.ts';
import { nameOfList, type QualifiedName, shownName } from '../binder/names.ts';
import { type CatalogTable, openTable } from '../catalog-cache.ts';
import type { EvaluationContext, SequenceAccess } from '../functions/evaluation.ts';
import { SqlError } from '../sql-error.ts';
import { splitName } from '../types/object-names.ts';

const RESERVED_VALUES = 32n;
/** Reservations grow while statements run dry, up to this. */
const RESERVED_VALUES_MAX = 65_536n;

/** Nothing is reserved of a sequence: to be thrown through a statement, which begins again after `reserve`. */
export class SequenceDry extends Error {
  override readonly name = 'SequenceDry';
  readonly state: SequenceState;

  constructor(state: SequenceState) {
    super(`nothing is reserved of sequence ${state.definition.name}`);
    this.state = state;
  }
}

/** One sequence and where it stands. */
export class SequenceState {
  definition: Sequence;
  last: bigint;
  called: boolean;
  /** The last value that the stored position covers; undefined when nothing is reserved. */
  reserved: bigint | undefined;
  /** As stored, to tell changes of the definition from repetitions of it; where reservations are transactions. */
  stored: Bytes | undefined;
  /** Values that the next reservation has. */
  ahead = RESERVED_VALUES;
  reserving: Promise<void> | undefined;

  constructor(definition: Sequence) {
    this.definition = definition;
    this.last = definition.start;
    this.called = false;
  }

  /** The value that comes next. @throws SqlError `sequence_generator_limit_exceeded`. */
  upcoming(): bigint {
    if (!this.called) return this.last;
    const { increment, min, max, cycle, name } = this.definition;
    const next = this.last + increment;
    if (next <= max && next >= min) return next;
    if (cycle) return increment > 0n ? min : max;
    const message =
      increment > 0n
        ? `nextval: reached maximum value of sequence "${name}" (${max})`
        : `nextval: reached minimum value of sequence "${name}" (${min})`;
    throw new SqlError('sequence_generator_limit_exceeded', message);
  }

  /** Whether the stored position covers `value`. */
  covers(value: bigint): boolean {
    if (this.reserved === undefined) return false;
    return this.definition.increment > 0n
      ? value > this.last && value <= this.reserved
      : value < this.last && value >= this.reserved;
  }

  /** Values that are reserved and not given out. */
  get left(): bigint {
    return this.reserved === undefined ? 0n : (this.reserved - this.last) / this.definition.increment;
  }

  /** The reservation goes to the end: no more can follow it. */
  get reaches(): boolean {
    const { increment, min, max } = this.definition;
    const next = (this.reserved ?? this.last) + increment;
    return this.reserved !== undefined && (next > max || next < min);
  }

  /** How far a reservation that begins with `value` may go. */
  reach(value: bigint, stepsMax: bigint = RESERVED_VALUES): bigint {
    const { increment, min, max } = this.definition;
    const steps = increment > 0n ? (max - value) / increment : (value - min) / -increment;
    return value + increment * (steps < stepsMax ? steps : stepsMax);
  }

  /** @throws SqlError `numeric_value_out_of_range`. */
  set(value: bigint, called: boolean): void {
    const { min, max, name } = this.definition;
    if (value < min || value > max) {
      throw new SqlError(
        'numeric_value_out_of_range',
        `setval: value ${value} is out of bounds for sequence "${name}" (${min}..${max})`,
      );
    }
    this.last = value;
    this.called = called;
    this.reserved = undefined;
  }
}

export class Sequences {
  /** Whether other processes give out values too: then a reservation is a transaction. */
  readonly isShared: boolean;
  readonly #store: Store;
  readonly #keyspace: Keyspace;
  readonly #states = new Map<TableId, SequenceState>();
  readonly #stopWatching: () => void;
  readonly #platform: Pick<Platform, 'clock' | 'random' | 'timers'>;
  /** Positions set by setval that are on their way to the store. */
  readonly #setting = new Set<Promise<void>>();
  #loading: Promise<void> | undefined;
  #loaded = false;

  constructor(store: Store, keyspace: Keyspace, platform: Pick<Platform, 'clock' | 'random' | 'timers'>) {
    this.isShared = store.supports.shared;
    this.#store = store;
    this.#keyspace = keyspace;
    this.#platform = platform;
    this.#stopWatching = store.watch(sequencesRange(keyspace), (record) => this.#note(record));
    store.onReset(() => {
      this.#loaded = false;
      this.#loading = undefined;
      this.#states.clear();
    });
  }

  /** Undefined once all sequences are in memory. */
  ready(): Promise<void> | undefined {
    if (this.#loaded) return undefined;
    this.#loading ??= this.#load();
    return this.#loading;
  }

  /** Definitions may have changed by others' hands: they are read again before the next statement. */
  outdate(): void {
    this.#loaded = false;
    this.#loading = undefined;
  }

  /** How many there are. */
  get size(): number {
    return this.#states.size;
  }

  find(name: string, schema: number): SequenceState | undefined {
    for (const state of this.#states.values()) if (isNamed(state, name, schema)) return state;
    return undefined;
  }

  get(id: TableId): SequenceState | undefined {
    return this.#states.get(id);
  }

  /** The next value, its position stored. @throws SqlError, OperationError `disk_full`, `store_read_only`. */
  next(state: SequenceState, observer: Observer): bigint {
    const value = state.upcoming();
    if (this.isShared) {
      if (!state.covers(value)) throw new SequenceDry(state);
      state.last = value;
      this.#reserveSoon(state);
      return value;
    }
    if (!state.covers(value)) {
      const reach = state.reach(value);
      this.#write(state, reach, true, observer);
      state.reserved = reach;
    }
    state.last = value;
    state.called = true;
    return value;
  }

  /** @throws SqlError `numeric_value_out_of_range`. */
  set(state: SequenceState, value: bigint, called: boolean, observer: Observer): void {
    state.set(value, called);
    if (!this.isShared) {
      this.#write(state, value, called, observer);
      return;
    }
    const setting = this.#put(state, { last: value, called }, undefined).then(() => {});
    setting.catch(() => {}); // `settled` tells.
    this.#setting.add(setting);
  }

  /** Undefined when every position that was set is stored. @throws OperationError of the store. */
  settled(): Promise<unknown> | undefined {
    if (this.#setting.size === 0) return undefined;
    const waits = [...this.#setting];
    return Promise.all(waits).finally(() => {
      for (const each of waits) this.#setting.delete(each);
    });
  }

  /** Sees to it that `count` values are there. */
  async ensure(state: SequenceState, count: bigint): Promise<void> {
    for (let tries = 0; state.left < count && tries < 4; tries++) {
      if (state.ahead < count) state.ahead = count < RESERVED_VALUES_MAX ? count : RESERVED_VALUES_MAX;
      await this.reserve(state);
      if (state.reaches) return;
    }
  }

  /** Values for a sequence that ran dry. One reservation at a time. */
  reserve(state: SequenceState): Promise<void> {
    state.reserving ??= this.#reserve(state).finally(() => {
      state.reserving = undefined;
    });
    return state.reserving;
  }

  #reserveSoon(state: SequenceState): void {
    if (state.left * 2n > state.ahead || state.reaches || state.reserving !== undefined) return;
    this.reserve(state).catch(() => {}); // Who runs dry asks again, and is told.
  }

  async #reserve(state: SequenceState): Promise<void> {
    await this.settled();
    const key = positionKey(this.#keyspace, state.definition.id);
    const reserved = await runTransaction(this.#store, this.#platform, async (transaction) => {
      const bytes = await transaction.get(key);
      const own = state.definition.position;
      const position = bytes === undefined ? own : decodePosition(bytes);
      const from = new SequenceState(state.definition);
      if (position !== undefined) Object.assign(from, position);
      const first = from.upcoming();
      const last = from.reach(first, state.ahead - 1n);
      transaction.put(key, encodePosition({ last, called: true }));
      return { first, last, follows: position?.called === true && position.last === state.reserved };
    });
    const { increment } = state.definition;
    // What was left of the reservation before goes on, if nobody else has reserved in between, and is left out otherwise.
    if (!reserved.follows || state.reserved === undefined) state.last = reserved.first - increment;
    state.called = true;
    state.reserved = reserved.last;
  }

  async #put(state: SequenceState, position: SequencePosition, unless: Bytes | undefined): Promise<void> {
    const key = positionKey(this.#keyspace, state.definition.id);
    await runTransaction(this.#store, this.#platform, async (transaction) => {
      const bytes = await transaction.get(key);
      if (unless !== undefined && (bytes === undefined || !equalBytes(bytes, unless))) return;
      transaction.put(key, encodePosition(position));
    });
  }

  /** Gives back what was reserved and not given out. */
  close(): void {
    this.#stopWatching();
    const observer: Observer = { observedVersion: 0 };
    for (const state of this.#states.values()) {
      if (state.reserved === undefined || state.reserved === state.last) continue;
      if (this.isShared) {
        // If it is still the last of all: otherwise the rest is left out.
        const ours = encodePosition({ last: state.reserved, called: true });
        this.#put(state, { last: state.last, called: true }, ours).catch(() => {});
        continue;
      }
      try {
        this.#write(state, state.last, state.called, observer);
      } catch {
        // A store that takes no writes any more: as after a crash, the rest of the reservation is left out.
        return;
      }
    }
  }

  #write({ definition }: SequenceState, last: bigint, called: boolean, observer: Observer): void {
    const batch = this.#store.writeBatch();
    batch.put(positionKey(this.#keyspace, definition.id), encodePosition({ last, called }));
    const committed = batch.commit();
    assert(!isPromise(committed), 'a position is stored at once');
    observer.observedVersion = Math.max(observer.observedVersion, committed.version);
  }

  async #load(): Promise<void> {
    const transaction = this.#store.begin({ readOnly: true });
    const found = new Set<TableId>();
    try {
      const cursor = transaction.scan(sequencesRange(this.#keyspace));
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
        for (const { value } of batch) {
          const { position: set, ...definition } = decodeSequence(value);
          const state = new SequenceState(definition);
          const { id } = definition;
          if (set !== undefined) Object.assign(state, set);
          if (this.isShared) {
            found.add(id);
            const known = this.#states.get(id);
            if (known?.stored !== undefined && equalBytes(known.stored, value)) continue;
            state.stored = copyBytes(value);
            this.#states.delete(id);
          }
          if (this.#states.has(id)) continue;
          const position = await transaction.get(positionKey(this.#keyspace, id));
          if (position !== undefined) Object.assign(state, decodePosition(position));
          if (!this.#states.has(id)) this.#states.set(id, state);
        }
      }
      if (this.isShared) for (const id of this.#states.keys()) if (!found.has(id)) this.#states.delete(id);
      this.#loaded = true;
    } finally {
      transaction.rollback();
    }
  }

  /** A commit that changed definitions, before anyone can observe it; they may say where the sequence is now. */
  #note({ changes }: CommitRecord): void {
    const range = sequencesRange(this.#keyspace);
    for (const change of changes) {
      if (change.kind === 'deleteRange' || !isWithin(change.key, range)) continue;
      const id = Number(this.#keyspace.catalog.decode(change.key)[1]) as TableId;
      if (change.kind === 'delete') {
        this.#states.delete(id);
        continue;
      }
      const { position, ...definition } = decodeSequence(change.value);
      const state = this.#states.get(id) ?? new SequenceState(definition);
      this.#states.set(id, state);
      state.definition = definition;
      state.reserved = undefined;
      if (position !== undefined) Object.assign(state, position);
    }
  }
}

function isWithin(
  key: Uint8Array,
  { start, end }: { readonly start: Uint8Array; readonly end: Uint8Array | undefined },
) {
  return Buffer.compare(key, start) >= 0 && (end === undefined || Buffer.compare(key, end) < 0);
}

/** The sequences as one session sees them: what it created itself, what it was given last. */
const RELATION_COLUMNS: readonly Column[] = (
  [
    ['last_value', 'int8'],
    ['log_cnt', 'int8'],
    ['is_called', 'bool'],
  ] as const
).map(([name, type]) => ({ name, type, modifier: -1, notNull: true, default: undefined }));

function openSequence(keyspace: Keyspace, { definition: { id, name, schema } }: SequenceState): CatalogTable {
  const table = uniformTable({
    id,
    name,
    ...(schema === undefined ? {} : { schema }),
    version: 0,
    columns: RELATION_COLUMNS,
    primaryKey: [],
    primaryKeyName: '',
  });
  const system = ({ session }: EvaluationContext): Iterable<ColumnValue[]> => {
    const { last, left, called } = session.sequences!.position(id);
    return [[last, left, called, 0n]];
  };
  return { ...openTable(keyspace, table), system, isSequence: true };
}

export type OwnSequences = ReadonlyMap<TableId, SequenceState>;

const NONE: OwnSequences = new Map();

export class SessionSequences implements SequenceAccess {
  /** Created or begun anew by the transaction that is open, not committed. */
  readonly own = new Map<TableId, SequenceState>();
  readonly #sequences: Sequences;
  readonly #observer: Observer;
  readonly #refuseReadOnly: (title: string, schema: number | undefined) => void;
  readonly #schemasOf: (name: QualifiedName) => readonly Schema[];
  readonly #given = new Map<TableId, bigint>();
  /** Of the statement that runs: where each sequence was before, and what it gave last, in all, and since the last `topUp`. */
  readonly #used = new Map<SequenceState, { readonly before: bigint; given: bigint; total: bigint; count: bigint }>();
  #last: TableId | undefined;

  /** @param refuseReadOnly Told the schema that the sequence is in. @param schemasOf Where a name is looked for, in order. */
  constructor(
    sequences: Sequences,
    observer: Observer,
    refuseReadOnly: (title: string, schema: number | undefined) => void,
    schemasOf: (name: QualifiedName) => readonly Schema[],
  ) {
    this.#sequences = sequences;
    this.#schemasOf = schemasOf;
    this.#observer = observer;
    this.#refuseReadOnly = refuseReadOnly;
  }

  /** From here on the transaction has a sequence of its own in place of the one that others go on with. */
  beginAnew(definition: Sequence, last: bigint, called: boolean): void {
    const state = new SequenceState(definition);
    state.last = last;
    state.called = called;
    this.own.set(definition.id, state);
  }

  markOwn(): OwnSequences {
    return this.own.size === 0 ? NONE : new Map(this.own);
  }

  /** Values that were given stay given; what was created or begun anew since then was not. */
  rollbackOwnTo(mark: OwnSequences): void {
    for (const id of this.own.keys()) if (!mark.has(id)) this.own.delete(id);
    for (const [id, state] of mark) this.own.set(id, state);
  }

  next(sequence: string | number): bigint {
    const state = this.#require(sequence);
    this.#refuseReadOnly('nextval()', state.definition.schema);
    const { id } = state.definition;
    let value: bigint;
    if (this.own.has(id)) {
      value = state.upcoming();
      state.last = value;
      state.called = true;
    } else value = this.#giveOut(state);
    this.#given.set(id, value);
    this.#last = id;
    return value;
  }

  #giveOut(state: SequenceState): bigint {
    const before = state.last;
    const value = this.#sequences.next(state, this.#observer);
    if (!this.#sequences.isShared) return value;
    const used = this.#used.get(state);
    if (used === undefined) this.#used.set(state, { before, given: value, total: 1n, count: 1n });
    else {
      used.given = value;
      used.total++;
      used.count++;
    }
    return value;
  }

  beginStatement(): void {
    if (this.#used.size > 0) this.#used.clear();
  }

  /**
   * The statement will run again from its beginning: it is given the same values, unless others have had one in between, or
   * the next.
   */
  restart(): void {
    for (const [state, { before, given, total }] of this.#used) {
      const isAlone = given - before === total * state.definition.increment;
      if (isAlone && state.last === given) state.last = before;
    }
    this.#used.clear();
  }

  /** Between batches of rows: the next batch finds as many values as it may need. Undefined when it will. */
  topUp(): Promise<unknown> | undefined {
    const waits: Promise<void>[] = [];
    for (const [state, used] of this.#used) {
      if (state.left < used.count * 4n && !state.reaches) waits.push(this.#sequences.ensure(state, used.count * 8n));
      used.count = 0n;
    }
    return waits.length === 0 ? undefined : Promise.all(waits);
  }

  current(sequence: string | number): bigint {
    const { id, name } = this.#require(sequence).definition;
    const value = this.#given.get(id);
    if (value !== undefined) return value;
    const message = `currval of sequence "${name}" is not yet defined in this session`;
    throw new SqlError('object_not_in_prerequisite_state', message);
  }

  lastGiven(): bigint {
    const isThere =
      this.#last !== undefined && (this.own.has(this.#last) || this.#sequences.get(this.#last) !== undefined);
    const value = isThere ? this.#given.get(this.#last!) : undefined;
    if (value !== undefined) return value;
    throw new SqlError('object_not_in_prerequisite_state', 'lastval is not yet defined in this session');
  }

  set(sequence: string | number, value: bigint, called: boolean): bigint {
    const state = this.#require(sequence);
    this.#refuseReadOnly('setval()', state.definition.schema);
    const { id } = state.definition;
    if (this.own.has(id)) state.set(value, called);
    else this.#sequences.set(state, value, called, this.#observer);
    if (called) this.#given.set(id, value);
    return value;
  }

  position(sequence: number): { readonly last: bigint; readonly left: bigint; readonly called: boolean } {
    return this.#require(sequence);
  }

  lastOf(sequence: number): bigint | undefined {
    const state = this.own.get(sequence as TableId) ?? this.#sequences.get(sequence as TableId);
    return state?.called === true ? state.last : undefined;
  }

  /** DISCARD SEQUENCES. */
  forget(): void {
    this.#given.clear();
    this.#last = undefined;
  }

  /** The sequence of that name as a relation that queries read. */
  relation(keyspace: Keyspace, name: string, schema: number): CatalogTable | undefined {
    for (const state of this.own.values()) if (isNamed(state, name, schema)) return openSequence(keyspace, state);
    const found = this.#sequences.find(name, schema);
    return found && openSequence(keyspace, found);
  }

  /** @throws SqlError `undefined_table`. */
  idOf(name: string): TableId {
    return this.#require(name).definition.id;
  }

  #require(sequence: string | number): SequenceState {
    if (typeof sequence === 'number') {
      const found = this.own.get(sequence as TableId) ?? this.#sequences.get(sequence as TableId);
      if (found !== undefined) return found;
      throw new SqlError('undefined_table', `could not open relation with OID ${sequence}`);
    }
    const name = nameOfList(splitName(sequence));
    for (const { id } of this.#schemasOf(name)) {
      for (const state of this.own.values()) if (isNamed(state, name.name, id)) return state;
      const found = this.#sequences.find(name.name, id);
      if (found !== undefined) return found;
    }
    throw new SqlError('undefined_table', `relation "${shownName(name)}" does not exist`);
  }
}

function isNamed({ definition }: SequenceState, name: string, schema: number): boolean {
  return definition.name === name && (definition.schema ?? PUBLIC_SCHEMA) === schema;
}
