/**
 * The arguments of a command as data: how they are parsed, how many there may be, which of them are keys, and how
 * COMMAND DOCS describes them, all from one description.
 *
 * An argument list is parsed from left to right into an object with one field per description. Byte strings are views
 * of the received buffer, valid while the command runs.
 *
 * Two kinds of mistake have an order in Redis: the shape of a command is checked before the numbers in it. So a number
 * that does not parse is remembered, and reported only when the rest of the command has the right shape.
 */

import type { Bytes } from '../../base/bytes.ts';
import { asBuffer, EMPTY_BYTES } from '../../base/bytes.ts';
import { parseInt64 } from '../../models/keyvalue/integers.ts';
import { NOT_AN_INTEGER, RespError, SYNTAX_ERROR } from './errors.ts';

/** Commands whose arguments lie in one buffer; a `RequestBatch` is one. */
export interface ArgumentColumns {
  readonly buffer: Bytes;
  /** Argument number of each command's name; one more entry than commands. */
  readonly firstArgument: Int32Array;
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
}

/** Walks over the arguments of one command; one cursor is reused for all commands. */
export class ArgumentCursor {
  #batch: ArgumentColumns = NO_REQUESTS;
  #at = 0;
  #end = 0;
  #badNumber: string | undefined;

  /** Begins behind the first `skip` arguments of a command: its name, and that of a subcommand. */
  begin(batch: ArgumentColumns, command: number, skip: number): void {
    this.#batch = batch;
    this.#at = batch.firstArgument[command]! + skip;
    this.#end = batch.firstArgument[command + 1]!;
    this.#badNumber = undefined;
  }

  /** Arguments not taken yet. */
  get remaining(): number {
    return this.#end - this.#at;
  }

  /** A view of the next argument. @throws RespError for a missing one. */
  bytes(): Bytes {
    if (this.#at >= this.#end) throw new RespError(SYNTAX_ERROR);
    const start = this.#batch.starts[this.#at]!;
    const value = this.#batch.buffer.subarray(start, start + this.#batch.lengths[this.#at]!);
    this.#at++;
    return value;
  }

  /** The argument before the next one, as it was sent. */
  previousText(): string {
    const start = this.#batch.starts[this.#at - 1]!;
    return asBuffer(this.#batch.buffer).utf8Slice(start, start + this.#batch.lengths[this.#at - 1]!);
  }

  text(): string {
    const bytes = this.bytes();
    return asBuffer(bytes).utf8Slice(0, bytes.length);
  }

  /** A signed 64-bit integer; 0 for anything else, and then `finish` throws `message`. */
  integer(message = NOT_AN_INTEGER): number | bigint {
    return this.integerAt(this.skip(), message);
  }

  /** Passes over the next argument. @returns its place, for `integerAt`. */
  skip(): number {
    if (this.#at >= this.#end) throw new RespError(SYNTAX_ERROR);
    return this.#at++;
  }

  /** As `integer`, of an argument that was skipped. */
  integerAt(place: number, message = NOT_AN_INTEGER): number | bigint {
    const start = this.#batch.starts[place]!;
    const value = parseInt64(this.#batch.buffer, start, start + this.#batch.lengths[place]!);
    if (value === undefined) {
      this.#badNumber ??= message;
      return 0;
    }
    return value;
  }

  /** Takes the next argument if it is `token`, given in upper case, in any case. */
  takeToken(token: string): boolean {
    if (this.#at >= this.#end || this.#batch.lengths[this.#at] !== token.length) return false;
    const start = this.#batch.starts[this.#at]!;
    const buffer = this.#batch.buffer;
    for (let i = 0; i < token.length; i++) {
      const byte = buffer[start + i]!;
      const upper = byte >= 97 && byte <= 122 ? byte - 32 : byte;
      if (upper !== token.charCodeAt(i)) return false;
    }
    this.#at++;
    return true;
  }

  /** @throws RespError when arguments are left over, or a number was none. */
  finish(): void {
    if (this.#at < this.#end) throw new RespError(SYNTAX_ERROR);
    this.finishNumbers();
  }

  /** As `integer`, and what is no integer is an error at once: for commands that check one argument after another. */
  integerNow(message = NOT_AN_INTEGER): number | bigint {
    const value = this.integer(message);
    this.finishNumbers();
    return value;
  }

  /** @throws RespError when a number so far was none. */
  finishNumbers(): void {
    if (this.#badNumber !== undefined) throw new RespError(this.#badNumber);
  }
}

const NO_REQUESTS: ArgumentColumns = {
  buffer: EMPTY_BYTES,
  firstArgument: new Int32Array(2),
  starts: new Int32Array(0),
  lengths: new Int32Array(0),
};

/** Which arguments are keys, relative to the argument described: every `step`-th, once or to the end of the command. */
export interface KeyPattern {
  readonly step: number;
  readonly toEnd: boolean;
}

/** One argument in COMMAND DOCS. */
export interface ArgumentDoc {
  readonly name: string;
  readonly type: string;
  readonly isKey?: boolean;
  /** Which of the command's key specifications describes it. Default 0. */
  readonly keySpec?: number;
  readonly token?: string;
  readonly since?: string;
  readonly flags?: readonly string[];
  readonly arguments?: readonly ArgumentDoc[];
}

export interface Argument<T> {
  /** Fewest arguments it takes. */
  readonly minimum: number;
  /** It always takes `minimum`. */
  readonly fixed: boolean;
  readonly keys?: KeyPattern;
  /** It takes a multiple of so many; another number is an error of arity. Default 1. */
  readonly group?: number;
  docs(name: string): readonly ArgumentDoc[];
  parse(cursor: ArgumentCursor): T;
}

export type ArgumentShape = Readonly<Record<string, Argument<unknown>>>;
export type ArgumentValues<S extends ArgumentShape> = {
  readonly [K in keyof S]: S[K] extends Argument<infer T> ? T : never;
};

export const key: Argument<Bytes> = {
  minimum: 1,
  fixed: true,
  keys: { step: 1, toEnd: false },
  docs: (name) => [{ name, type: 'key', isKey: true }],
  parse: (cursor) => cursor.bytes(),
};

/** A key described by another key specification than the first. */
export function keyOfSpec(keySpec: number): Argument<Bytes> {
  return { ...key, docs: (name) => [{ name, type: 'key', isKey: true, keySpec }] };
}

/** An argument described by hand: for grammars that the parts below do not make. */
export function described<T>(
  docs: readonly ArgumentDoc[],
  parse: (cursor: ArgumentCursor) => T,
  { minimum = 0, fixed = false }: { readonly minimum?: number; readonly fixed?: boolean } = {},
): Argument<T> {
  return { minimum, fixed, docs: () => docs, parse };
}

export const bytes: Argument<Bytes> = {
  minimum: 1,
  fixed: true,
  docs: (name) => [{ name, type: 'string' }],
  parse: (cursor) => cursor.bytes(),
};

export const text: Argument<string> = { ...bytes, parse: (cursor) => cursor.text() };

export const integer: Argument<number | bigint> = {
  minimum: 1,
  fixed: true,
  docs: (name) => [{ name, type: 'integer' }],
  parse: (cursor) => cursor.integer(),
};

/** An integer of 32 bits, checked at once. */
export function int32Now(cursor: ArgumentCursor, message = NOT_AN_INTEGER): number {
  const value = cursor.integerNow(message);
  if (value > 0x7fffffff || value < -0x80000000) {
    if (message !== NOT_AN_INTEGER) throw new RespError(message);
    throw new RespError('ERR value is out of range, value must between -2147483648 and 2147483647');
  }
  return Number(value);
}

export const int32: Argument<number> = { ...integer, parse: (cursor) => int32Now(cursor) };

/** Taken when an argument is left. */
export function optional<T>(argument: Argument<T>, since?: string): Argument<T | undefined> {
  return {
    minimum: 0,
    fixed: false,
    docs: (name) => argument.docs(name).map((doc) => ({ ...doc, ...(since && { since }), flags: ['optional'] })),
    parse: (cursor) => (cursor.remaining > 0 ? argument.parse(cursor) : undefined),
  };
}

/** One or more, to the end of the command. */
export function many<T>(argument: Argument<T>): Argument<readonly T[]> {
  return {
    minimum: argument.minimum,
    fixed: false,
    group: argument.minimum,
    ...(argument.keys !== undefined && { keys: { step: argument.minimum, toEnd: true } }),
    docs: (name) => argument.docs(name).map((doc) => ({ ...doc, flags: ['multiple'] })),
    parse: (cursor) => {
      const values: T[] = [];
      while (cursor.remaining > 0) values.push(argument.parse(cursor));
      return values;
    },
  };
}

/** Zero or more, to the end of the command. */
export function anyNumber<T>(argument: Argument<T>): Argument<readonly T[]> {
  const some = many(argument);
  return {
    ...some,
    minimum: 0,
    docs: (name) => argument.docs(name).map((doc) => ({ ...doc, flags: ['optional', 'multiple'] })),
  };
}

/** Takes whatever is left and says nothing of it. */
export const ignored: Argument<void> = {
  minimum: 0,
  fixed: false,
  docs: () => [],
  parse: (cursor) => {
    while (cursor.remaining > 0) cursor.bytes();
  },
};

/** A key and the value that goes with it. */
export interface KeyAndValue {
  readonly key: Bytes;
  readonly value: Bytes;
}

export const keyAndValue: Argument<KeyAndValue> = {
  minimum: 2,
  fixed: true,
  keys: { step: 2, toEnd: false },
  docs: (name) => [{ name, type: 'block', arguments: [...key.docs('key'), ...bytes.docs('value')] }],
  parse: (cursor) => ({ key: cursor.bytes(), value: cursor.bytes() }),
};

/** What one alternative of a choice carries behind its token: nothing, or an integer. */
export interface Alternative {
  readonly takes: 'nothing' | 'integer';
  readonly doc: ArgumentDoc;
}

export function flag(name: string, token: string, since?: string): Alternative {
  return { takes: 'nothing', doc: { name, type: 'pure-token', token, ...(since !== undefined && { since }) } };
}

export function withInteger(name: string, token: string, type: 'integer' | 'unix-time', since?: string): Alternative {
  return { takes: 'integer', doc: { name, type, token, ...(since !== undefined && { since }) } };
}

/** At most one of several alternatives. */
export interface Choice<T extends string> {
  readonly alternatives: readonly (Alternative & { readonly doc: { readonly token?: T } })[];
  readonly since?: string;
}

export interface Chosen<T extends string> {
  readonly token: T;
  /** 0 for an alternative that carries none. */
  readonly value: number | bigint;
}

export function choice<T extends string>(alternatives: Readonly<Record<T, Alternative>>, since?: string): Choice<T> {
  return { alternatives: Object.values(alternatives), ...(since !== undefined && { since }) };
}

export type ChoiceValues<S> = {
  readonly [K in keyof S]: S[K] extends Choice<infer T> ? Chosen<T> | undefined : never;
};

/**
 * Choices in any order, each made at most once; repeating the same alternative is allowed and the last one counts, as
 * Redis has it.
 */
export function anyOrder<S extends Readonly<Record<string, Choice<string>>>>(choices: S): Argument<ChoiceValues<S>> {
  const entries = Object.entries(choices);
  const none = Object.fromEntries(entries.map(([name]) => [name, undefined])) as ChoiceValues<S>;
  return {
    minimum: 0,
    fixed: false,
    docs: () => entries.map(([name, option]) => choiceDoc(name, option)),
    parse: (cursor) => {
      if (cursor.remaining === 0) return none;
      const taken: Record<string, Taken> = {};
      while (cursor.remaining > 0) {
        if (!entries.some(([name, option]) => take(cursor, option, name, taken))) throw new RespError(SYNTAX_ERROR);
      }
      const chosen: Record<string, Chosen<string> | undefined> = { ...none };
      for (const [name, { token, place }] of Object.entries(taken)) {
        chosen[name] = { token, value: place === undefined ? 0 : cursor.integerAt(place) };
      }
      return chosen as ChoiceValues<S>;
    },
  };
}

/** A choice made, and where its number stands: only the last of repeated ones is ever read. */
interface Taken {
  readonly token: string;
  readonly place: number | undefined;
}

function take(cursor: ArgumentCursor, option: Choice<string>, name: string, taken: Record<string, Taken>): boolean {
  for (const { doc, takes } of option.alternatives) {
    const token = doc.token ?? '';
    const earlier = taken[name];
    if ((earlier !== undefined && earlier.token !== token) || !cursor.takeToken(token)) continue;
    taken[name] = { token, place: takes === 'integer' ? cursor.skip() : undefined };
    return true;
  }
  return false;
}

function choiceDoc(name: string, option: Choice<string>): ArgumentDoc {
  const [only, ...others] = option.alternatives;
  if (only !== undefined && others.length === 0) return { ...only.doc, flags: ['optional'] };
  return {
    name,
    type: 'oneof',
    ...(option.since !== undefined && { since: option.since }),
    flags: ['optional'],
    arguments: option.alternatives.map(({ doc }) => doc),
  };
}
