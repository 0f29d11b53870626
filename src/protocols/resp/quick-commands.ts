/**
 * The commands that most requests are, executed on the bytes they came in and the bytes that are kept: GET, SET without
 * options, INCR and its kin, DEL, EXISTS, MGET, MSET.
 *
 * What they answer is what their rows in the command table say; this is a shorter way to it and never the only one. A
 * command that meets anything out of the ordinary (an option, a value of another type or one that has expired, a number
 * with more than 15 digits, a key that is locked or has to be fetched from disk, a partition that is busy) changes nothing and
 * leaves the command to the general way.
 *
 * **A run of commands at a time.** Their kinds and the hashes of their first keys are found first, then the table slots of all
 * of them are touched, then the records found there, and then they are executed in order: so the processor fetches many lines from
 * memory at once, where one command after the other would wait for each. This nearly doubles what a pipeline gets through.
 *
 * Source: docs/decisions/hot-entries-in-byte-arenas.md; the stored form of a string is `models/keyvalue/values.ts`.
 */

import type { EntryArena } from '../../actors/families/entry-arena.ts';
import {
  ABSENT,
  DEAD,
  DIRTY,
  FLAGS,
  RECORD_HEADER_BYTES,
  SIZES,
  VALUE_LENGTH,
} from '../../actors/families/entry-slab.ts';
import type { KeyspacePartitions } from '../../actors/families/keyspace-partition.ts';
import type { PartitionCommit } from '../../actors/families/partition-commit.ts';
import { UNIT_BITS, UNIT_MASK } from '../../actors/families/slab-pool.ts';
import { copyShort, dropView, equalShort, holdView, SHORT_COPY_BYTES, viewOf } from '../../base/byte-views.ts';
import type { Bytes } from '../../base/bytes.ts';
import { hasCode } from '../../base/errors.ts';
import { parseInt64 } from '../../models/keyvalue/integers.ts';
import { LARGE_STRING_BYTES, STRING, STRING_BYTES_MAX } from '../../models/keyvalue/values.ts';
import type { CommandEntry } from './command.ts';
import { LENT_BYTES, type ReplyWriter } from './reply-writer.ts';
import type { RequestBatch } from './request-parser.ts';
import type { RespServer } from './session.ts';

const OTHER = 0;
const GET = 1;
const SET = 2;
const INCR = 3;
const DECR = 4;
const INCRBY = 5;
const DECRBY = 6;
const DEL = 7;
const EXISTS = 8;
const MGET = 9;
const MSET = 10;
const MSETNX = 11;
const NAMES = ['get', 'set', 'incr', 'decr', 'incrby', 'decrby', 'del', 'exists', 'mget', 'mset'];

/** Commands looked at together: more lines than these a processor does not fetch at once. */
const RUN_COMMANDS_MAX = 64;
/** One run of so many is timed, for INFO. */
const RUNS_PER_TIMED = 64;
/** A command with more keys is none of a run: it is long work, and timed by itself (`runLong`). */
const KEYS_MAX = 64;
/** Room for the hashes of more keys is not kept. */
const KEPT_KEYS_MAX = 16_384;
/** What is executed with any number of keys. */
const LONG_KINDS: Readonly<Record<string, number>> = {
  del: DEL,
  unlink: DEL,
  exists: EXISTS,
  touch: EXISTS,
  mget: MGET,
  mset: MSET,
  msetnx: MSETNX,
};

/** Before the bytes of a string: type and flags, and then its expiry where the flag says so. */
const HEADER_BYTES = 2;
const EXPIRING_HEADER_BYTES = 10;
const TWO_32 = 0x1_0000_0000;

const NONE = -1;

export class QuickCommands {
  /** Of the last `run`: the first command that wrote what is not ordered yet, or -1, and where its reply begins. */
  firstWrite = NONE;
  firstWriteOutput = 0;
  /** The last command executed. */
  lastCommand: CommandEntry | undefined;
  /** Of the last `run`: values on their way that it ended for, and whether they will be kept. */
  fetching: Promise<boolean> | undefined;

  readonly #server: RespServer;
  readonly #partitions: KeyspacePartitions;
  readonly #entries: PartitionCommit;
  readonly #arena: EntryArena;
  readonly #writer: ReplyWriter;
  readonly #rows: readonly (CommandEntry | undefined)[];
  readonly #complete: boolean;
  readonly #valueBytesMax: number;
  readonly #kinds = new Uint8Array(RUN_COMMANDS_MAX);
  readonly #hashes = new Int32Array(RUN_COMMANDS_MAX);
  readonly #references = new Int32Array(RUN_COMMANDS_MAX);
  #keyHashes = new Int32Array(KEYS_MAX);
  /** Of keys to be deleted: 1 for those that are there. */
  #found = new Uint8Array(KEYS_MAX);
  #mayFetch = false;
  #runsUntilTimed = 0;
  /** What touching loaded, so that no compiler leaves it out. */
  touched = 0;

  constructor(server: RespServer, writer: ReplyWriter) {
    this.#server = server;
    this.#partitions = server.partitions;
    this.#entries = server.partitions.entries;
    this.#arena = this.#entries.arena;
    this.#writer = writer;
    this.#valueBytesMax = server.partitions.store.durability === 'memory' ? STRING_BYTES_MAX : LARGE_STRING_BYTES;
    const rows = NAMES.map((name) => server.commands.byName(name));
    this.#rows = [undefined, ...rows];
    this.#complete = !rows.includes(undefined);
  }

  /** Whether anything may go this way: not where other processes write to the store, or one of these commands is disabled. */
  get enabled(): boolean {
    return this.#entries.keeps && this.#complete;
  }

  /**
   * Executes commands of `batch` from `from` on, until one is not for it, the output has `outputMax` bytes, or values have
   * to be waited for, if it `mayFetch` them. @returns the first command that was not executed; it has changed nothing.
   */
  run(batch: RequestBatch, from: number, database: number, outputMax: number, mayFetch: boolean): number {
    this.firstWrite = NONE;
    this.fetching = undefined;
    this.#mayFetch = mayFetch;
    const isTimed = this.#runsUntilTimed-- === 0;
    const next = isTimed
      ? this.#runTimed(batch, from, database, outputMax)
      : this.#runFrom(batch, from, database, outputMax);
    this.#server.counters.commands += next - from;
    return next;
  }

  /**
   * Executes one command of many keys. @returns false when it is none, or is not for this way: then it has changed nothing.
   * What it has written is not ordered.
   */
  runLong(entry: CommandEntry, batch: RequestBatch, at: number, database: number): boolean {
    const kind = LONG_KINDS[entry.name];
    const count = batch.argumentCount(at);
    if (kind === undefined || count <= KEYS_MAX || batch.argumentBytes(at) > this.#valueBytesMax) return false;
    if (kind >= MSET && (count & 1) === 0) return false;
    const outputBefore = this.#writer.length;
    if (count > this.#keyHashes.length) this.#makeRoomFor(count);
    holdView(batch.buffer);
    try {
      if (this.#tryExecute(kind, batch, at, database, 0)) return true;
      this.#writer.truncate(outputBefore);
      return false;
    } finally {
      dropView();
      if (this.#keyHashes.length > KEPT_KEYS_MAX) this.#makeRoomFor(KEYS_MAX);
    }
  }

  #makeRoomFor(keys: number): void {
    this.#keyHashes = new Int32Array(keys);
    this.#found = new Uint8Array(keys);
  }

  /** As `#runFrom`; the commands of a run share its time evenly. */
  #runTimed(batch: RequestBatch, from: number, database: number, outputMax: number): number {
    this.#runsUntilTimed = RUNS_PER_TIMED - 1;
    const { clock } = this.#server.platform;
    const callsBefore = this.#rows.map((row) => row?.calls ?? 0);
    const startedMs = clock.monotonicMs();
    const next = this.#runFrom(batch, from, database, outputMax);
    const microsEach = ((clock.monotonicMs() - startedMs) * 1_000) / (next - from);
    this.#rows.forEach((row, kind) => {
      const calls = row === undefined ? 0 : row.calls - callsBefore[kind]!;
      if (calls > 0) row!.noteTime(calls * microsEach, calls);
    });
    return next;
  }

  #runFrom(batch: RequestBatch, from: number, database: number, outputMax: number): number {
    let at = from;
    while (at < batch.count) {
      const end = this.#prepare(batch, at, database);
      if (this.fetching !== undefined) return at;
      for (let i = 0; at < end; i++, at++) {
        if (this.#writer.bytes >= outputMax) return at;
        const kind = this.#kinds[i]!;
        if (kind === INCR && this.#references[i] !== 0) {
          const added = this.#addOnes(batch, at, end, database, i, outputMax);
          if (added > 0) {
            i += added - 1;
            at += added - 1;
            continue;
          }
        }
        const outputBefore = this.#writer.length;
        const writesBefore = this.#entries.writes;
        if (!this.#tryExecute(kind, batch, at, database, i)) {
          this.#writer.truncate(outputBefore);
          this.#prefetch(batch, at, i, end, database);
          return at;
        }
        if (this.firstWrite === NONE && this.#entries.writes > writesBefore) {
          this.firstWrite = at;
          this.firstWriteOutput = outputBefore;
        }
        const row = this.#rows[kind]!;
        row.calls++;
        this.lastCommand = row;
      }
      if (at < batch.count && end - at < RUN_COMMANDS_MAX && kindOf(batch, at) === OTHER) return at;
    }
    return at;
  }

  /** As `#execute`; a read of a key that is too long for the store goes the usual way, and gets its answer there. */
  #tryExecute(kind: number, batch: RequestBatch, at: number, database: number, index: number): boolean {
    try {
      return this.#execute(kind, batch, at, database, index);
    } catch (error) {
      if (hasCode(error, 'too_large') && (kind === GET || kind === MGET || kind === EXISTS)) return false;
      throw error;
    }
  }

  /** One command has to wait for a disk, it may be: then what those behind it read is fetched at the same time. */
  #prefetch(batch: RequestBatch, from: number, index: number, end: number, database: number): void {
    if (this.#entries.loads.count === 0) return;
    const { buffer, starts, lengths, firstArgument } = batch;
    for (let at = from + 1, i = index + 1; at < end; at++, i++) {
      if (this.#kinds[i] === SET) continue; // It reads nothing.
      const key = firstArgument[at]! + 1;
      this.#entries.prefetch(this.#hashes[i]!, database, buffer, starts[key]!, lengths[key]!);
    }
  }

  /** Looks at the commands from `at` on together. @returns the first that is of no quick kind. */
  #prepare(batch: RequestBatch, from: number, database: number): number {
    const kinds = this.#kinds;
    const hashes = this.#hashes;
    const arena = this.#arena;
    const { buffer, starts, lengths, firstArgument } = batch;
    const last = Math.min(batch.count, from + RUN_COMMANDS_MAX);
    let count = 0;
    for (let at = from; at < last; at++, count++) {
      const kind = kindOf(batch, at);
      if (kind === OTHER) break;
      const key = firstArgument[at]! + 1;
      const start = starts[key]!;
      kinds[count] = kind;
      hashes[count] = arena.hash(database, buffer, start, start + lengths[key]!);
    }
    if (count > 1) {
      const headsOnly = kinds[0]! >= INCR && kinds[0]! <= EXISTS;
      this.touched = arena.touch(hashes, this.#references, count, headsOnly);
      if (this.#mayFetch && this.#entries.mayFetch(database)) this.#fetchMissing(batch, from, count, database);
    } else this.#references[0] = 0;
    return from + count;
  }

  /** What these commands read and is not here, the store is asked for at once: that is cheaper than one after the other. */
  #fetchMissing(batch: RequestBatch, from: number, count: number, database: number): void {
    const { buffer, starts, lengths, firstArgument } = batch;
    for (let i = 0; i < count; i++) {
      if (this.#references[i] !== 0 || this.#kinds[i] === SET || this.#kinds[i] === MSET) continue;
      const key = firstArgument[from + i]! + 1;
      const peeks = this.#kinds[i] === GET;
      this.#entries.want(this.#hashes[i]!, database, buffer, starts[key]!, lengths[key]!, peeks);
    }
    this.fetching = this.#entries.loads.fetchWanted();
  }

  /** `index`: the place of the command among those prepared. */
  #execute(kind: number, batch: RequestBatch, at: number, database: number, index: number): boolean {
    const key = batch.firstArgument[at]! + 1;
    switch (kind) {
      case GET:
        return this.#locate(index, batch, key, database, true) && this.#replyString() && this.#countLookup();
      case SET:
        return this.#set(batch, key, database, index);
      case INCR:
        return this.#add(batch, key, database, index, 1);
      case DECR:
        return this.#add(batch, key, database, index, -1);
      case INCRBY:
      case DECRBY: {
        const start = batch.starts[key + 1]!;
        const by = parseInt64(batch.buffer, start, start + batch.lengths[key + 1]!);
        return typeof by === 'number' && this.#add(batch, key, database, index, kind === INCRBY ? by : -by);
      }
      default:
        return this.#several(kind, batch, at, database);
    }
  }

  /** Of the entry at hand. */
  #countLookup(): true {
    const { lookups } = this.#server.counters;
    if (this.#arena.valueLength === ABSENT) lookups.misses++;
    else lookups.hits++;
    return true;
  }

  /** The string at hand, or nil. @returns false when it is neither. */
  #replyString(): boolean {
    const arena = this.#arena;
    const length = arena.valueLength;
    if (length === ABSENT) {
      this.#writer.nil();
      return true;
    }
    const header = this.#headerBytes(length);
    if (header === 0) return false;
    arena.markUsed();
    const lent = length < LENT_BYTES ? undefined : arena.lend();
    if (lent !== undefined) {
      this.#writer.bulk(lent.subarray(header));
      return true;
    }
    const { slab } = arena;
    this.#writer.bulkFrom(slab.bytes, slab.view, arena.valueAt + header, length - header);
    return true;
  }

  /** Of the value at hand: 0 when it is no string, or has expired. */
  #headerBytes(length: number): number {
    const { bytes } = this.#arena.slab;
    const at = this.#arena.valueAt;
    if (length < HEADER_BYTES || bytes[at] !== STRING) return 0;
    const flags = bytes[at + 1];
    if (flags === 0) return HEADER_BYTES;
    if (flags !== 1 || length < EXPIRING_HEADER_BYTES) return 0;
    const expiresAtMs = bytes.readUInt32LE(at + 2) + bytes.readUInt32LE(at + 6) * TWO_32;
    return expiresAtMs <= this.#entries.nowMs ? 0 : EXPIRING_HEADER_BYTES;
  }

  #set(batch: RequestBatch, key: number, database: number, index: number): boolean {
    const { buffer, starts, lengths } = batch;
    const hash = this.#hashes[index]!;
    const start = starts[key]!;
    const length = lengths[key]!;
    const valueLength = lengths[key + 1]!;
    if (valueLength > this.#valueBytesMax || !this.#entries.mayWrite(database, buffer, start, length)) return false;
    const arena = this.#arena;
    const found =
      arena.findAt(this.#references[index]!, database, buffer, start, length) ||
      arena.find(hash, database, buffer, start, length);
    const partition = found ? arena.partition : this.#partitions.partitionOf(database, buffer, start, start + length);
    if (!this.#partitions.admit(partition)) return false;
    if (!found || !this.#entries.rewrite(HEADER_BYTES + valueLength)) {
      this.#entries.write(hash, database, partition, buffer, start, length, HEADER_BYTES + valueLength);
    }
    this.#writeString(buffer, starts[key + 1]!, valueLength);
    this.#writer.ok();
    return true;
  }

  /** The value of the entry at hand, which has room for it. */
  #writeString(buffer: Bytes, start: number, length: number): void {
    this.#arena.mark(false);
    const into = this.#arena.slab.bytes;
    const at = this.#arena.valueAt;
    into[at] = STRING;
    into[at + 1] = 0;
    if (length > SHORT_COPY_BYTES) (buffer as Buffer).copy(into, at + HEADER_BYTES, start, start + length);
    else copyShort(viewOf(buffer), start, this.#arena.slab.view, at + HEADER_BYTES, length);
  }

  /** The partition of a key: as its record says, or by its hash slot. */
  #partition(hash: number, buffer: Bytes, start: number, length: number, database: number): number {
    return this.#arena.find(hash, database, buffer, start, length)
      ? this.#arena.partition
      : this.#partitions.partitionOf(database, buffer, start, start + length);
  }

  #add(batch: RequestBatch, key: number, database: number, index: number, by: number): boolean {
    const { buffer, starts, lengths } = batch;
    const start = starts[key]!;
    const length = lengths[key]!;
    const arena = this.#arena;
    if (!this.#entries.mayWrite(database, buffer, start, length)) return false;
    if (!this.#locate(index, batch, key, database, false)) return false;
    if (this.#addInPlace(by)) return true;
    const stored = arena.valueLength;
    let sum = by;
    let header = HEADER_BYTES;
    if (stored !== ABSENT) {
      header = this.#headerBytes(stored);
      if (header === 0) return false;
      const value = parseInt64(arena.slab.bytes, arena.valueAt + header, arena.valueAt + stored);
      if (typeof value !== 'number') return false;
      sum += value;
    }
    if (!Number.isSafeInteger(sum)) return false;
    const digits = digitsOf(sum);
    if (header + digits !== stored) {
      if (header !== HEADER_BYTES) return false; // Moving an entry would lose its expiry.
      if (!this.#entries.rewrite(header + digits)) {
        const hash = this.#hashes[index]!;
        this.#entries.write(hash, database, arena.partition, buffer, start, length, header + digits);
      }
      const { bytes } = arena.slab;
      const { valueAt } = arena;
      bytes[valueAt] = STRING;
      bytes[valueAt + 1] = 0;
    } else if (!this.#entries.rewriteInPlace()) return false;
    writeDigits(arena.slab.bytes, arena.valueAt + header, digits, sum);
    this.#writer.integer(sum);
    return true;
  }

  /**
   * What most increments are: of up to nine digits at hand, without a sign or an expiry, to a number of as many. Its
   * digits are replaced where they are and copied to the reply. @returns false when it is none, and nothing has changed.
   */
  #addInPlace(by: number): boolean {
    const arena = this.#arena;
    const { bytes } = arena.slab;
    const { valueAt } = arena;
    const digits = arena.valueLength - HEADER_BYTES;
    if (digits < 1 || digits > SMALL_DIGITS || bytes[valueAt] !== STRING || bytes[valueAt + 1] !== 0) return false;
    const from = valueAt + HEADER_BYTES;
    const value = smallNumber(bytes, from, from + digits);
    if (value === NONE) return false;
    const sum = value + by;
    if (sum < (digits === 1 ? 0 : POWERS_OF_TEN[digits - 1]!) || sum >= POWERS_OF_TEN[digits]!) return false;
    if (!this.#entries.rewriteInPlace()) return false;
    let rest = sum | 0;
    for (let to = from + digits - 1; to >= from; to--) {
      const next = (rest / 10) | 0;
      bytes[to] = 48 + rest - next * 10;
      rest = next;
    }
    this.#writer.integerFrom(bytes, from, digits);
    return true;
  }

  /**
   * Increments from the one at `index` on, as long as each is what most are: by one, of a counter that has been touched, is of up to
   * nine digits without a sign or an expiry, stays as long as it is, and has still to reach the store. One loop, in which nothing
   * is looked up or asked twice: see docs/decisions/hot-entries-in-byte-arenas.md. @returns how many were executed.
   */
  #addOnes(batch: RequestBatch, from: number, end: number, database: number, index: number, outputMax: number): number {
    const writer = this.#writer;
    const most = (end - from) * SMALL_REPLY_BYTES;
    const slabs = this.#arena.touchedSlabs;
    if (slabs === undefined || !this.#entries.mayRewriteDirty || writer.bytes + most > outputMax) return 0;
    writer.reserve(most);
    const { buffer: out } = writer;
    const { starts, lengths, firstArgument } = batch;
    const keys = viewOf(batch.buffer);
    const kinds = this.#kinds;
    const references = this.#references;
    const partitions = this.#partitions;
    // Once: what another module exports is looked up there each time.
    const unitBits = UNIT_BITS;
    const unitMask = UNIT_MASK;
    const flagsAt = FLAGS;
    const sizesAt = SIZES;
    const valueLengthAt = VALUE_LENGTH;
    const keyWords = RECORD_HEADER_BYTES >> 2;
    const flagsSeen = DEAD | DIRTY | 0xff00;
    const flagsWanted = DIRTY | (database << 8);
    const string = STRING;
    let to = writer.length;
    let at = from;
    for (let i = index; at < end && kinds[i] === INCR; at++, i++) {
      const reference = references[i]!;
      if (reference === 0) break;
      const { words, view } = slabs[reference >>> unitBits]!;
      const word = (reference & unitMask) << 1;
      const key = firstArgument[at]! + 1;
      const length = lengths[key]!;
      const flags = words[word + flagsAt]!;
      if ((flags & flagsSeen) !== flagsWanted || words[word + sizesAt]! >>> 16 !== length) break;
      const keyAt = (word + keyWords) << 2;
      if (!equalShort(view, keyAt, keys, starts[key]!, length) || !partitions.admit(flags >>> 16)) break;
      const digits = words[word + valueLengthAt]! - HEADER_BYTES;
      const valueAt = keyAt + length;
      if (digits < 1 || digits > SMALL_DIGITS || view.getUint16(valueAt, true) !== string) break;
      out[to] = 0x3a;
      if (!addOne(view, valueAt + HEADER_BYTES, digits, out, to + 1)) break;
      to += digits + 3;
      out[to - 2] = 13;
      out[to - 1] = 10;
    }
    const added = at - from;
    if (added > 0) {
      writer.length = to;
      const row = this.#rows[INCR]!;
      row.calls += added;
      this.lastCommand = row;
    }
    return added;
  }

  /** Finds the entry of a prepared command in a partition that admits it. */
  #locate(index: number, batch: RequestBatch, key: number, database: number, peeks: boolean): boolean {
    const start = batch.starts[key]!;
    const length = batch.lengths[key]!;
    const reference = this.#references[index]!;
    const hash = this.#hashes[index]!;
    return (
      this.#entries.locateTouched(reference, hash, database, batch.buffer, start, length, peeks) &&
      this.#partitions.admit(this.#arena.partition)
    );
  }

  /** As `#locate`, for a key that nobody has looked for yet. */
  #find(hash: number, buffer: Bytes, start: number, length: number, database: number): boolean {
    return this.#entries.locate(hash, database, buffer, start, length) && this.#partitions.admit(this.#arena.partition);
  }

  #several(kind: number, batch: RequestBatch, at: number, database: number): boolean {
    const first = batch.firstArgument[at]! + 1;
    const step = kind >= MSET ? 2 : 1;
    const last = batch.firstArgument[at + 1]!;
    const { buffer, starts, lengths } = batch;
    const hashes = this.#keyHashes;
    const arena = this.#arena;
    const keys = (last - first) / step;
    for (let i = 0; i < keys; i++) {
      const start = starts[first + i * step]!;
      hashes[i] = arena.hash(database, buffer, start, start + lengths[first + i * step]!);
    }
    if (kind === MSET) {
      if (!this.#setAll(batch, first, keys, database)) return false;
      this.#writer.ok();
      return true;
    }
    if (kind === MSETNX) {
      const isFree = this.#areAbsent(batch, first, keys, database);
      if (isFree === undefined || (isFree && !this.#setAll(batch, first, keys, database))) return false;
      this.#writer.integer(isFree ? 1 : 0);
      return true;
    }
    if (kind === DEL) return this.#deleteAll(batch, first, keys, database);
    if (kind === MGET) this.#writer.array(keys);
    let count = 0;
    let misses = 0;
    for (let i = 0; i < keys; i++) {
      const start = starts[first + i]!;
      const length = lengths[first + i]!;
      if (!this.#find(hashes[i]!, buffer, start, length, database)) return false;
      if (kind === MGET) {
        if (arena.valueLength === ABSENT) misses++;
        if (!this.#replyString()) return false;
        continue;
      }
      if (arena.valueLength === ABSENT) {
        misses++;
        continue;
      }
      if (kind === EXISTS && this.#headerBytes(arena.valueLength) === 0) return false;
      count++;
    }
    if (kind !== MGET) this.#writer.integer(count);
    const { lookups } = this.#server.counters;
    lookups.misses += misses;
    lookups.hits += keys - misses;
    return true;
  }

  /** A first look changes nothing: whatever a later key needs, the general way begins from the start. */
  #deleteAll(batch: RequestBatch, first: number, keys: number, database: number): boolean {
    if (!this.#mayDelete(batch, first, keys, database)) return false;
    const { buffer, starts, lengths } = batch;
    const arena = this.#arena;
    let count = 0;
    for (let i = 0; i < keys; i++) {
      const hash = this.#keyHashes[i]!;
      const start = starts[first + i]!;
      const length = lengths[first + i]!;
      // What has made room for others since, and would have to be waited for, was not deleted since: it is as it was found.
      const isHere = this.#find(hash, buffer, start, length, database);
      if (isHere ? arena.valueLength === ABSENT : this.#found[i] === 0) continue;
      const partition = isHere
        ? arena.partition
        : this.#partitions.partitionOf(database, buffer, start, start + length);
      this.#entries.write(hash, database, partition, buffer, start, length, ABSENT);
      count++;
    }
    this.#writer.integer(count);
    return true;
  }

  /** Whether all keys can be deleted at once. Notes which of them are there. */
  #mayDelete(batch: RequestBatch, first: number, keys: number, database: number): boolean {
    const { buffer, starts, lengths } = batch;
    const arena = this.#arena;
    for (let i = 0; i < keys; i++) {
      const start = starts[first + i]!;
      const length = lengths[first + i]!;
      if (!this.#entries.mayWrite(database, buffer, start, length)) return false;
      if (!this.#find(this.#keyHashes[i]!, buffer, start, length, database)) return false;
      if (arena.valueLength !== ABSENT && this.#headerBytes(arena.valueLength) === 0) return false;
      this.#found[i] = arena.valueLength === ABSENT ? 0 : 1;
    }
    return true;
  }

  /** Whether none of the keys of pairs is there; undefined where that is not known at once. */
  #areAbsent(batch: RequestBatch, first: number, keys: number, database: number): boolean | undefined {
    const { buffer, starts, lengths } = batch;
    const arena = this.#arena;
    for (let i = 0; i < keys; i++) {
      const key = first + 2 * i;
      if (!this.#find(this.#keyHashes[i]!, buffer, starts[key]!, lengths[key]!, database)) return undefined;
      if (arena.valueLength !== ABSENT) return this.#headerBytes(arena.valueLength) > 0 ? false : undefined;
    }
    return true;
  }

  /** Writes pairs, all of them or none. */
  #setAll(batch: RequestBatch, first: number, keys: number, database: number): boolean {
    const { buffer, starts, lengths } = batch;
    const hashes = this.#keyHashes;
    for (let i = 0; i < keys; i++) {
      const start = starts[first + 2 * i]!;
      const length = lengths[first + 2 * i]!;
      if (lengths[first + 2 * i + 1]! > this.#valueBytesMax) return false;
      if (!this.#entries.mayWrite(database, buffer, start, length)) return false;
      const partition = this.#partition(hashes[i]!, buffer, start, length, database);
      if (!this.#partitions.admit(partition)) return false;
    }
    for (let i = 0; i < keys; i++) {
      const start = starts[first + 2 * i]!;
      const length = lengths[first + 2 * i]!;
      const partition = this.#partition(hashes[i]!, buffer, start, length, database);
      const value = first + 2 * i + 1;
      const valueLength = lengths[value]!;
      this.#entries.write(hashes[i]!, database, partition, buffer, start, length, HEADER_BYTES + valueLength);
      this.#writeString(buffer, starts[value]!, valueLength);
    }
    return true;
  }
}

const MINUS = 45;
const INT32_MAX = 0x7fff_ffff;

/** Longer ones may not fit 32 bits. */
const SMALL_DIGITS = 9;
/** `:`, digits and the end of the line. */
const SMALL_REPLY_BYTES = SMALL_DIGITS + 3;
const NINE = 57;
const POWERS_OF_TEN = Array.from({ length: SMALL_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

/** The number that up to nine digits without a sign or leading zeros spell; -1 for any other text. */
function smallNumber(bytes: Bytes, start: number, end: number): number {
  const length = end - start;
  if (length === 0 || length > SMALL_DIGITS || (bytes[start] === 48 && length > 1)) return NONE;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return NONE;
    value = (Math.imul(value, 10) + digit) | 0;
  }
  return value;
}

/**
 * Adds one to the number that `digits` bytes from `at` on spell, and copies it. @returns false when it is no plain number or would
 * become longer; then it is as it was.
 */
function addOne(view: DataView, at: number, digits: number, into: Bytes, to: number): boolean {
  for (let i = 0; i < digits; i++) {
    const digit = view.getUint8(at + i);
    if (digit < 48 || digit > NINE) return false;
    into[to + i] = digit;
  }
  if (digits > 1 && into[to] === 48) return false;
  let place = digits - 1;
  while (place > 0 && into[to + place] === NINE) place--;
  const digit = into[to + place]!;
  if (digit === NINE) return false;
  view.setUint8(at + place, digit + 1);
  into[to + place] = digit + 1;
  while (++place < digits) {
    view.setUint8(at + place, 48);
    into[to + place] = 48;
  }
  return true;
}

/** Bytes of a safe integer as decimal text. */
function digitsOf(value: number): number {
  if (value >= 0 && value < 10) return 1;
  if (value >= 0 && value < 100) return 2;
  const positive = Math.abs(value);
  let digits = value < 0 ? 2 : 1;
  for (let bound = 10; bound <= positive; bound *= 10) digits++;
  return digits;
}

/** Writes a safe integer as decimal text of `digits` bytes. */
function writeDigits(into: Bytes, at: number, digits: number, value: number): void {
  let rest = Math.abs(value);
  let to = at + digits;
  for (; rest > INT32_MAX; ) {
    const next = Math.floor(rest / 10);
    into[--to] = 48 + (rest - next * 10); // In this order: near 2^53 a sum with 48 is not exact.
    rest = next;
  }
  // Whole numbers of 32 bits are divided without a floating point unit.
  let small = rest | 0;
  do {
    const next = (small / 10) | 0;
    into[--to] = 48 + small - next * 10;
    small = next;
  } while (small > 0);
  if (value < 0) into[--to] = MINUS;
}

/** The kind of a command by its name, in any case, and its number of arguments. */
function kindOf(batch: RequestBatch, at: number): number {
  const first = batch.firstArgument[at]!;
  const count = batch.firstArgument[at + 1]! - first;
  const { buffer } = batch;
  const start = batch.starts[first]!;
  switch (batch.lengths[first]) {
    case 3:
      switch (word(buffer, start, 3)) {
        case 0x676574:
          return count === 2 ? GET : OTHER;
        case 0x736574:
          return count === 3 ? SET : OTHER;
        case 0x64656c:
          return count >= 2 && count <= KEYS_MAX ? DEL : OTHER;
        default:
          return OTHER;
      }
    case 4:
      switch (word(buffer, start, 4)) {
        case 0x696e6372:
          return count === 2 ? INCR : OTHER;
        case 0x64656372:
          return count === 2 ? DECR : OTHER;
        case 0x6d676574:
          return count >= 2 && count <= KEYS_MAX ? MGET : OTHER;
        case 0x6d736574:
          return count >= 3 && count <= KEYS_MAX && (count & 1) === 1 ? MSET : OTHER;
        default:
          return OTHER;
      }
    case 6:
      switch (word(buffer, start, 4)) {
        case 0x696e6372:
          return count === 3 && word(buffer, start + 4, 2) === 0x6279 ? INCRBY : OTHER;
        case 0x64656372:
          return count === 3 && word(buffer, start + 4, 2) === 0x6279 ? DECRBY : OTHER;
        case 0x65786973:
          return count >= 2 && count <= KEYS_MAX && word(buffer, start + 4, 2) === 0x7473 ? EXISTS : OTHER;
        default:
          return OTHER;
      }
    default:
      return OTHER;
  }
}

/** Two to four letters as one number, in lower case. Only letters become the letters of a name this way. */
function word(buffer: Bytes, start: number, length: number): number {
  let value = (buffer[start]! << 8) | buffer[start + 1]! | 0x2020;
  if (length > 2) value = (value << 8) | buffer[start + 2]! | 0x20;
  if (length > 3) value = (value << 8) | buffer[start + 3]! | 0x20;
  return value;
}
