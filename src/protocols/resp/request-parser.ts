/**
 * Cuts received bytes into Redis commands, without copying them and without making a string or an object per argument.
 *
 * A parse takes everything that is complete in a chunk and leaves three integer columns: where each argument starts,
 * how long it is, and which argument each command begins with. All commands of a chunk are known before the first one
 * runs, so that execution can treat them as one batch.
 *
 * Two forms are accepted, as Redis does (https://redis.io/docs/latest/develop/reference/protocol-spec/):
 *
 *   multibulk   *<count>\r\n  then count times  $<length>\r\n<bytes>\r\n
 *   inline      words separated by blanks, "double quoted" with escapes or 'single quoted', ended by \n or \r\n
 *
 * Lengths are checked against the limits before anything is kept for them. Arguments of an inline command are unquoted
 * in place, inside the received buffer: unquoting never makes text longer.
 *
 * Left out: the RESP3 types a client could send in a request; Redis does not accept them either.
 */

import type { Bytes } from '../../base/bytes.ts';
import { EMPTY_BYTES } from '../../base/bytes.ts';

export interface RequestLimits {
  /** Longest argument, bytes (`proto-max-bulk-len`). */
  readonly bulkBytesMax: number;
  /** Most arguments of one command, the name included. */
  readonly argumentsMax: number;
  /** Longest inline command and longest length line, bytes. */
  readonly lineBytesMax: number;
  /** Commands of one parse; the rest waits for the next one. */
  readonly commandsMax: number;
}

export const REQUEST_LIMITS: RequestLimits = {
  bulkBytesMax: 512 * 1024 * 1024,
  argumentsMax: 1024 * 1024,
  lineBytesMax: 64 * 1024,
  commandsMax: 10_000,
};

/** What a client that must authenticate first may send; the figures are those of Redis. */
const UNAUTHENTICATED_LIMITS = { bulkBytesMax: 16 * 1024, argumentsMax: 10 };

const CR = 13;
const LF = 10;
const STAR = 42;
const DOLLAR = 36;
const SPACE = 32;
const DOUBLE_QUOTE = 34;
const SINGLE_QUOTE = 39;
const BACKSLASH = 92;

/** What a batch has room for at first. */
const COMMANDS_EXPECTED = 1024;
const ARGUMENTS_EXPECTED = 4096;

/** A partial command with at least so many arguments is resumed; a shorter one is parsed again. */
const RESUME_ARGUMENTS_MIN = 64;
/** Within so many bytes a loop finds a line's end sooner than a call does that finds it anywhere. */
const NEAR_BYTES = 64;

const INCOMPLETE = -1;
const MALFORMED = -2;
/** A length below zero or beyond 2^31: each header has its own answer to it. */
const OUT_OF_RANGE = -3;

/**
 * Where an incomplete multibulk command stands, relative to its first byte; spares parsing a long one from the start. Each parse
 * adds what it found, and copies nothing of what was there: a command of a million arguments may come byte by byte.
 */
export class PartialCommand {
  readonly argumentsTotal: number;
  /** Arguments that are complete. */
  count = 0;
  /** Behind the last of them. */
  position = 0;
  #starts: Int32Array = new Int32Array(RESUME_ARGUMENTS_MIN * 4);
  #lengths: Int32Array = new Int32Array(RESUME_ARGUMENTS_MIN * 4);

  constructor(argumentsTotal: number) {
    this.argumentsTotal = argumentsTotal;
  }

  /** Takes `count` arguments that `from` has from `first` on; the command begins at `start`, and they end at `position`. */
  add(from: RequestBatch, first: number, count: number, start: number, position: number): void {
    const needed = this.count + count;
    if (needed > this.#starts.length) {
      this.#starts = grown(this.#starts, needed);
      this.#lengths = grown(this.#lengths, needed);
    }
    for (let i = 0; i < count; i++) this.#starts[this.count + i] = from.starts[first + i]! - start;
    this.#lengths.set(from.lengths.subarray(first, first + count), this.count);
    this.count = needed;
    this.position = position - start;
  }

  /** Writes its arguments to `to` from `first` on, where there is room for them. */
  writeTo(to: RequestBatch, first: number, start: number): void {
    for (let i = 0; i < this.count; i++) to.starts[first + i] = this.#starts[i]! + start;
    to.lengths.set(this.#lengths.subarray(0, this.count), first);
  }
}

/** The commands found by one parse. One batch is reused for every chunk of a listener; `detach` makes a lasting one. */
export class RequestBatch {
  /** The bytes that offsets point into; valid as long as the buffer given to `parse`. */
  buffer: Bytes = EMPTY_BYTES;
  /** Complete commands. */
  count = 0;
  /** Argument number of each command's name; one more entry than commands. */
  firstArgument: Int32Array;
  starts: Int32Array;
  lengths: Int32Array;
  /** Offset behind the last complete command. */
  consumed = 0;
  /** The bytes behind `consumed` are worth parsing again only once there are this many. */
  neededBytes = 0;
  /** The incomplete command behind `consumed`, when it is long enough to be worth resuming. */
  partial: PartialCommand | undefined;
  /** The protocol error after the complete commands, without prefix; the connection ends with it. */
  error: string | undefined;

  /** Nobody writes to `buffer` again: what is detached may stay in it. Set behind `parse`, where that is so. */
  isBufferKept = false;

  #limits: RequestLimits = REQUEST_LIMITS;
  #authenticated = true;
  #needed = 0;
  /** Its memory is its own, and stays as it is. */
  #detached = false;

  /** With room for so much; it grows where it has to. */
  constructor(commands = COMMANDS_EXPECTED, args = ARGUMENTS_EXPECTED) {
    this.firstArgument = new Int32Array(commands + 1);
    this.starts = new Int32Array(args);
    this.lengths = new Int32Array(args);
  }

  /** Parses `buffer[start, end)`. `resume` is what an earlier parse of the same first bytes left in `partial`. */
  parse(
    buffer: Bytes,
    start: number,
    end: number,
    limits: RequestLimits,
    authenticated: boolean,
    resume?: PartialCommand,
  ): void {
    // Before authentication limits are tight, and the command that lifts them may be the first of a chunk.
    const commandsMax = authenticated ? limits.commandsMax : 1;
    this.buffer = buffer;
    this.isBufferKept = false;
    this.count = 0;
    this.firstArgument[0] = 0;
    this.consumed = start;
    this.neededBytes = 0;
    this.partial = undefined;
    this.error = undefined;
    this.#limits = limits;
    this.#authenticated = authenticated;
    let position = start;
    let resumed = resume;
    while (position < end && this.count < commandsMax) {
      const next =
        resumed !== undefined || buffer[position] === STAR
          ? this.#multibulk(position, end, resumed)
          : this.#inline(position, end);
      resumed = undefined;
      if (next < 0) {
        this.neededBytes = Math.max(this.#needed, end - position + 1);
        return;
      }
      position = next;
      this.consumed = position;
    }
  }

  /** Number of arguments of a command, its name included. */
  argumentCount(command: number): number {
    return this.firstArgument[command + 1]! - this.firstArgument[command]!;
  }

  /** Of all arguments of a command, and what stands between them. */
  argumentBytes(command: number): number {
    const last = this.firstArgument[command + 1]! - 1;
    return this.starts[last]! + this.lengths[last]! - this.starts[this.firstArgument[command]!]!;
  }

  /**
   * A batch of its own memory with the commands from `command` on, for a connection that has to wait while the
   * received buffer is used for others. Of a batch that was detached before it is a view: who waits after each of a
   * thousand commands has them copied once.
   */
  detach(command: number): RequestBatch {
    if (this.#detached) return this.#viewFrom(command);
    const first = this.firstArgument[command]!;
    const last = this.firstArgument[this.count]!;
    const batch = new RequestBatch(this.count - command, last - first);
    const from = first === last ? this.consumed : this.starts[first]!;
    const bytes = this.#lasting(from);
    batch.buffer = bytes;
    batch.count = this.count - command;
    for (let i = 0; i <= batch.count; i++) batch.firstArgument[i] = this.firstArgument[command + i]! - first;
    for (let i = first; i < last; i++) {
      batch.starts[i - first] = this.starts[i]! - from;
      batch.lengths[i - first] = this.lengths[i]!;
    }
    batch.consumed = bytes.length;
    batch.error = this.error;
    batch.#detached = true;
    return batch;
  }

  /** What was parsed from `from` on: a copy, unless it is most of a buffer that nobody else has any more. */
  #lasting(from: number): Bytes {
    const bytes = this.buffer.subarray(from, this.consumed);
    if (this.isBufferKept && bytes.length * 2 > this.buffer.length) return bytes;
    const copy = Buffer.allocUnsafeSlow(bytes.length);
    copy.set(bytes);
    return copy;
  }

  #viewFrom(command: number): RequestBatch {
    const batch = new RequestBatch(0, 0);
    batch.buffer = this.buffer;
    batch.count = this.count - command;
    batch.firstArgument = this.firstArgument.subarray(command);
    batch.starts = this.starts;
    batch.lengths = this.lengths;
    batch.consumed = this.consumed;
    batch.error = this.error;
    batch.#detached = true;
    return batch;
  }

  #multibulk(start: number, end: number, resume: PartialCommand | undefined): number {
    const buffer = this.buffer;
    const first = this.firstArgument[this.count]!;
    let argument = first;
    let total: number;
    let position: number;
    if (resume !== undefined) {
      total = resume.argumentsTotal;
      position = start + resume.position;
    } else {
      total = this.#length(start + 1, end);
      if (total === INCOMPLETE) return this.#waitForLine(start, start, end, 'too big mbulk count string');
      if (total === MALFORMED || total > this.#limits.argumentsMax) return this.#fail('invalid multibulk length');
      if (total > UNAUTHENTICATED_LIMITS.argumentsMax && !this.#authenticated) {
        return this.#fail('unauthenticated multibulk length');
      }
      position = this.#lineEnd;
      if (total <= 0) return position; // Redis skips an empty command without an answer.
    }
    const stop = first + total - (resume === undefined ? 0 : resume.count);
    while (argument < stop) {
      if (position >= end) return this.#keepPartial(resume, start, first, argument, total, position, position);
      if (buffer[position] !== DOLLAR) {
        return this.#fail(`expected '$', got '${String.fromCharCode(buffer[position]!)}'`);
      }
      // A length of one or two digits, without the general way.
      let length = -1;
      let valueAt = position + 4;
      if (valueAt < end) {
        const digit = buffer[position + 1]! - 48;
        if (buffer[position + 2] === CR) {
          if (digit <= 9) length = digit;
        } else if (buffer[position + 3] === CR && digit > 0 && digit <= 9) {
          const next = buffer[position + 2]! - 48;
          if (next >= 0 && next <= 9) length = digit * 10 + next;
          valueAt++;
        }
      }
      if (length < 0) {
        length = this.#length(position + 1, end);
        valueAt = this.#lineEnd;
      }
      if (length < 0) {
        if (length !== INCOMPLETE) return this.#fail('invalid bulk length');
        if (end - position > this.#limits.lineBytesMax) return this.#fail('too big bulk count string');
        return this.#keepPartial(resume, start, first, argument, total, position, position);
      }
      if (length > this.#limits.bulkBytesMax) return this.#fail('invalid bulk length');
      if (length > UNAUTHENTICATED_LIMITS.bulkBytesMax && !this.#authenticated) {
        return this.#fail('unauthenticated bulk length');
      }
      const next = valueAt + length + 2;
      if (next > end) return this.#keepPartial(resume, start, first, argument, total, position, next);
      if (argument >= this.starts.length) this.#reserveArguments(argument + 1);
      this.starts[argument] = valueAt;
      this.lengths[argument] = length;
      argument++;
      position = next;
    }
    this.#finishCommand(resume === undefined ? argument : this.#join(resume, first, argument, start));
    return position;
  }

  /** Up to `knownEnd` the command's bytes are at least needed. */
  #keepPartial(
    resume: PartialCommand | undefined,
    start: number,
    first: number,
    argument: number,
    total: number,
    position: number,
    knownEnd: number,
  ): number {
    // Only a length that was announced is waited for: whatever else comes next may be an error to answer.
    this.#needed = knownEnd - start;
    const found = argument - first;
    if (resume === undefined && found < RESUME_ARGUMENTS_MIN) return INCOMPLETE;
    this.partial = resume ?? new PartialCommand(total);
    this.partial.add(this, first, found, start, position);
    return INCOMPLETE;
  }

  /** Puts the arguments that were found before in front of those found now. @returns the end of them all. */
  #join(resume: PartialCommand, first: number, end: number, start: number): number {
    const { count } = resume;
    this.#reserveArguments(end + count);
    this.starts.copyWithin(first + count, first, end);
    this.lengths.copyWithin(first + count, first, end);
    resume.writeTo(this, first, start);
    return end + count;
  }

  #lineEnd = 0;

  /**
   * The integer of a length line that starts at `position`, and `#lineEnd` behind its \r\n. As strict as Redis: no plus
   * sign, no leading zeros. Negative on trouble; a negative count is `OUT_OF_RANGE`.
   */
  #length(position: number, end: number): number {
    const buffer = this.buffer;
    let at = position;
    let value = 0;
    let negative = false;
    if (at < end && buffer[at] === 45) {
      negative = true;
      at++;
    }
    const digitsAt = at;
    while (at < end) {
      const byte = buffer[at]!;
      if (byte === CR) break;
      const digit = byte - 48;
      if (digit < 0 || digit > 9 || (at > digitsAt && value === 0)) return this.#malformedLine(at, end);
      value = value * 10 + digit;
      if (value > 0x7fffffff) return this.#malformedLine(at, end);
      at++;
    }
    if (at + 1 >= end) return INCOMPLETE;
    if (at === digitsAt || (negative && value === 0)) return MALFORMED;
    this.#lineEnd = at + 2;
    return negative ? OUT_OF_RANGE : value;
  }

  /** A bad length is an error only once its line is whole; a client that sends slowly sees the same answer. */
  #malformedLine(position: number, end: number): number {
    for (let at = position; at < end; at++) if (this.buffer[at] === CR) return at + 1 < end ? MALFORMED : INCOMPLETE;
    return INCOMPLETE;
  }

  #inline(start: number, end: number): number {
    const buffer = this.buffer;
    const near = Math.min(end, start + NEAR_BYTES);
    let lineFeed = start;
    while (lineFeed < near && buffer[lineFeed] !== LF) lineFeed++;
    if (lineFeed === near) lineFeed = buffer.indexOf(LF, near);
    if (lineFeed < 0 || lineFeed >= end) return this.#waitForLine(start, start, end, 'too big inline request');
    if (lineFeed - start > this.#limits.lineBytesMax) return this.#fail('too big inline request');
    const lineEnd = lineFeed > start && buffer[lineFeed - 1] === CR ? lineFeed - 1 : lineFeed;
    const argument = this.#splitInline(start, lineEnd);
    if (argument === MALFORMED) return this.#fail('unbalanced quotes in request');
    if (argument > this.firstArgument[this.count]!) this.#finishCommand(argument);
    return lineFeed + 1;
  }

  /** Splits and unquotes one line as `sdssplitargs` does. @returns the argument number behind the last. */
  #splitInline(start: number, end: number): number {
    const buffer = this.buffer;
    let argument = this.firstArgument[this.count]!;
    let at = start;
    for (;;) {
      while (at < end && isBlank(buffer[at]!)) at++;
      if (at >= end) return argument;
      let to = at;
      const from = at;
      let quote = 0;
      while (at < end || quote !== 0) {
        if (at >= end) return MALFORMED; // The quote is still open.
        const byte = buffer[at]!;
        if (quote === 0) {
          if (isBlank(byte)) break;
          if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) quote = byte;
          else buffer[to++] = byte;
          at++;
        } else if (byte === quote) {
          at++;
          quote = 0;
          if (at < end && !isBlank(buffer[at]!)) return MALFORMED; // A closing quote must end the word.
          break;
        } else if (byte === BACKSLASH && quote === DOUBLE_QUOTE && at + 1 < end) {
          const hex = at + 3 < end && buffer[at + 1] === 120 ? hexPair(buffer[at + 2]!, buffer[at + 3]!) : -1;
          if (hex >= 0) {
            buffer[to++] = hex;
            at += 4;
          } else {
            buffer[to++] = unescaped(buffer[at + 1]!);
            at += 2;
          }
        } else if (byte === BACKSLASH && quote === SINGLE_QUOTE && buffer[at + 1] === SINGLE_QUOTE && at + 1 < end) {
          buffer[to++] = SINGLE_QUOTE;
          at += 2;
        } else {
          buffer[to++] = byte;
          at++;
        }
      }
      this.#reserveArguments(argument + 1);
      this.starts[argument] = from;
      this.lengths[argument] = to - from;
      argument++;
    }
  }

  #finishCommand(argument: number): void {
    this.count++;
    if (this.count >= this.firstArgument.length) this.firstArgument = grown(this.firstArgument, this.count + 1);
    this.firstArgument[this.count] = argument;
  }

  #reserveArguments(count: number): void {
    if (count <= this.starts.length) return;
    this.starts = grown(this.starts, count);
    this.lengths = grown(this.lengths, count);
  }

  #waitForLine(lineAt: number, start: number, end: number, tooBig: string): number {
    if (end - lineAt > this.#limits.lineBytesMax) return this.#fail(tooBig);
    this.#needed = end - start + 1;
    return INCOMPLETE;
  }

  #fail(message: string): number {
    this.error = `Protocol error: ${message}`;
    return MALFORMED;
  }
}

function isBlank(byte: number): boolean {
  return byte === SPACE || (byte >= 9 && byte <= 13) || byte === 0;
}

function hexPair(high: number, low: number): number {
  const a = hexDigit(high);
  const b = hexDigit(low);
  return a < 0 || b < 0 ? -1 : a * 16 + b;
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 0x20;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function unescaped(byte: number): number {
  switch (byte) {
    case 110:
      return LF;
    case 114:
      return CR;
    case 116:
      return 9;
    case 98:
      return 8;
    case 97:
      return 7;
    default:
      return byte;
  }
}

function grown(array: Int32Array, count: number): Int32Array {
  const larger = new Int32Array(Math.max(count, array.length * 2));
  larger.set(array);
  return larger;
}
