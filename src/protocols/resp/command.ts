/**
 * A Redis command as a row of data. Arity, key positions, COMMAND INFO, COMMAND DOCS and the errors about the number of
 * arguments derive from the row, so none of them can disagree with what is parsed.
 *
 * Where a command runs:
 *   keys      in the partitions of its keys, on the selected database
 *   database  in all partitions of the selected database
 *   server    in all partitions of all databases
 *   keyspace  in a transaction over all databases: for walks over keys, and for what touches two databases
 *   session   outside of any partition: it concerns the connection or the server
 */

import type { Awaitable } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { Database } from '../../models/keyvalue/database.ts';
import { type ArgumentCursor, type ArgumentDoc, type ArgumentShape, type ArgumentValues, bytes } from './arguments.ts';
import { RespError } from './errors.ts';
import type { KeyspaceTransaction } from './keyspace-transaction.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { ok, type Reply, simpleTree, tree } from './replies.ts';
import type { ReplyWriter } from './reply-writer.ts';
import type { Session } from './session.ts';

export type CommandFlag =
  | 'write'
  | 'readonly'
  | 'denyoom'
  | 'admin'
  | 'noscript'
  | 'loading'
  | 'stale'
  | 'fast'
  | 'no_auth'
  | 'allow_busy'
  | 'skip_slowlog'
  | 'movablekeys'
  | 'no_multi';

export type CommandGroup = 'string' | 'bitmap' | 'generic' | 'transactions' | 'connection' | 'server';

/** How a command uses its keys, in the words of COMMAND INFO. */
export type KeyFlag =
  | 'RW'
  | 'RO'
  | 'OW'
  | 'RM'
  | 'access'
  | 'update'
  | 'insert'
  | 'delete'
  | 'incomplete'
  | 'variable_flags';

/** Keys that stand at no fixed place, in the words of COMMAND INFO: behind a keyword, or where only `keysOf` finds them. */
export interface MovableKeys {
  readonly flags: readonly KeyFlag[];
  readonly notes?: string;
  /** The word before the keys, all of those behind it; looked for from `startFrom` on, negative from the end backwards. */
  readonly keyword?: { readonly word: string; readonly startFrom: number };
}

/** A key among the words of one call. */
export interface KeyOfCall {
  readonly key: Bytes;
  readonly flags: readonly KeyFlag[];
}

export interface CommandFacts {
  readonly summary: string;
  /** Version of Redis in which it appeared. */
  readonly since: string;
  readonly group: CommandGroup;
  readonly complexity: string;
  readonly deprecated?: { readonly since: string; readonly replacedBy: string };
  readonly flags: readonly CommandFlag[];
  /** Most arguments, name included, where more is an error of arity rather than of syntax. */
  readonly argumentsMax?: number;
  /** Needed for commands with keys: for all of them together, or a list for each argument that holds keys. */
  readonly keyFlags?: readonly KeyFlag[] | readonly (readonly KeyFlag[])[];
  /** What the flags are for one call, given its words in upper case, where those decide. */
  readonly keyFlagsOf?: (words: readonly string[]) => readonly KeyFlag[];
  readonly keyNotes?: string;
  readonly movableKeys?: readonly MovableKeys[];
  /** Needed with `movableKeys`: the keys of one call, given all its words, name included. */
  readonly keysOf?: (words: readonly Bytes[]) => readonly KeyOfCall[];
  /** ACL categories beyond those that follow from flags and group; those of types are instead of `keyspace`. */
  readonly categories?: readonly ('dangerous' | 'keyspace' | 'admin' | 'connection' | 'set' | 'sortedset' | 'list')[];
  /** Of one that writes: whether the keys that it reads count as found or missed, as those of commands that only read do. */
  readonly countsLookups?: boolean;
  /** Runs at once between MULTI and EXEC instead of being queued. */
  readonly runsInMulti?: boolean;
  /** Hints to clients and proxies of a cluster. */
  readonly tips?: readonly string[];
  /** Changes since the first version. */
  readonly history?: readonly (readonly [version: string, change: string])[];
}

interface CommandSpec<S extends ArgumentShape, R> extends CommandFacts {
  readonly args: S;
  readonly reply: Reply<R>;
}

/** A row, ready to run. The types of its arguments and result are checked where it is written, and forgotten here. */
export interface Command extends CommandFacts {
  readonly scope: 'keys' | 'database' | 'server' | 'keyspace' | 'session';
  readonly args: ArgumentShape;
  readonly reply: Reply<never>;
  readonly run: (on: never, args: never) => unknown;
  /** Of a command without arguments: its result where that is known without a transaction. */
  readonly known?: (session: Session) => unknown;
  readonly subcommands: Readonly<Record<string, Command>>;
}

/** A command on keys of the selected database. */
export function command<S extends ArgumentShape, R>(
  spec: CommandSpec<S, R> & { readonly run: (database: Database, args: ArgumentValues<S>) => Awaitable<R> },
): Command {
  return { ...spec, scope: 'keys', subcommands: {} };
}

/** A command on whole databases: the selected one, or all. */
export function databaseCommand<S extends ArgumentShape, R>(
  spec: CommandSpec<S, R> & {
    readonly scope: 'database' | 'server';
    readonly run: (databases: readonly Database[], args: ArgumentValues<S>) => Awaitable<R>;
  },
): Command {
  return { ...spec, subcommands: {} };
}

/** A command in a transaction of its own, or in that of EXEC. Its arguments stay as they are while it runs. */
export function keyspaceCommand<S extends ArgumentShape, R>(
  spec: CommandSpec<S, R> & {
    readonly run: (on: KeyspaceTransaction, args: ArgumentValues<S>) => Awaitable<R>;
    readonly known?: (session: Session) => R | undefined;
  },
): Command {
  return { ...spec, scope: 'keyspace', subcommands: {} };
}

/** A command on the connection or the server. Its arguments must not be kept beyond its first wait. */
export function sessionCommand<S extends ArgumentShape, R>(
  spec: CommandSpec<S, R> & {
    readonly run: (session: Session, args: ArgumentValues<S>) => Awaitable<R>;
    readonly subcommands?: Readonly<Record<string, Command>>;
  },
): Command {
  return { subcommands: {}, ...spec, scope: 'session' };
}

/** A command that does nothing without one of its subcommands, of which HELP is one. */
export function containerCommand(
  container: string,
  group: CommandGroup,
  facts: { readonly summary: string; readonly since: string },
  rows: Readonly<Record<string, Command>>,
): Command {
  return sessionCommand({
    ...facts,
    group,
    complexity: 'Depends on subcommand.',
    flags: [],
    args: { subcommand: bytes },
    reply: ok,
    run: () => undefined,
    subcommands: withHelp(container, group, rows),
  });
}

/** The subcommands of `container`, and HELP, which tells of them. */
export function withHelp(
  container: string,
  group: CommandGroup,
  rows: Readonly<Record<string, Command>>,
): Readonly<Record<string, Command>> {
  const help = sessionCommand({
    summary: 'Show helpful text about the different subcommands',
    since: '5.0.0',
    group,
    complexity: 'O(1)',
    flags: ['loading', 'stale'],
    ...(container === 'COMMAND' && { categories: ['connection'] as const }),
    ...(group === 'generic' && { categories: ['keyspace'] as const }),
    args: {},
    reply: tree,
    run: () =>
      [
        `${container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
        ...Object.entries(rows).flatMap(([name, row]) => [
          usage(name, row.args),
          `    ${row.summary.replace(/\.$/, '')}.`,
        ]),
        'HELP',
        '    Prints this help.',
      ].map(simpleTree),
  });
  return { ...rows, HELP: help };
}

function usage(name: string, args: ArgumentShape): string {
  return [name, ...Object.entries(args).flatMap(([field, argument]) => argument.docs(field).map(usageOf))].join(' ');
}

/** `<value>`, `[TOKEN <value>]`, `(ON|OFF)`, `[<value> ...]`. */
function usageOf(doc: ArgumentDoc): string {
  const parts = (doc.arguments ?? []).map(usageOf);
  const isOptional = doc.flags?.includes('optional') ?? false;
  let shown = doc.type === 'pure-token' ? doc.token! : parts.length === 0 ? `<${doc.name}>` : parts.join(' ');
  if (doc.type === 'oneof') shown = isOptional && doc.token === undefined ? parts.join('|') : `(${parts.join('|')})`;
  if (doc.token !== undefined && doc.type !== 'pure-token') shown = `${doc.token} ${shown}`;
  if (doc.flags?.includes('multiple')) shown = isOptional ? `${shown} ...` : `${shown} [${shown} ...]`;
  return isOptional ? `[${shown}]` : shown;
}

/** A command as the table holds it: named, with everything that derives from its row. */
export class CommandEntry {
  readonly command: Command;
  /** Lower case; a subcommand's as `client|setname`. */
  readonly name: string;
  /** Number of arguments, name included; negative for "at least". As in COMMAND INFO. */
  readonly arity: number;
  /** Arguments before those that `args` describes: the name, and a subcommand's. */
  readonly nameArguments: number;
  readonly isWrite: boolean;
  readonly allowedUnauthenticated: boolean;
  /** What it looks for counts to hits and misses. */
  readonly countsLookups: boolean;
  /** SLOWLOG may list it. */
  readonly isLogged: boolean;
  /** How arguments that hold keys are found: one entry for all of them, or one for each. */
  readonly keySpecs: readonly KeySpec[];
  /** Position of the first key, or 0; of the last, negative from the end; and the distance between keys. */
  readonly firstKey: number;
  readonly lastKey: number;
  readonly keyStep: number;
  readonly subcommands: CommandTable | undefined;
  /** Calls since opening, or since CONFIG RESETSTAT, as are the next. */
  calls = 0;
  /** Of the calls, those that answered with an error. */
  failedCalls = 0;
  /** Requests that were refused before they could run. */
  rejectedCalls = 0;
  /** Undefined before the first call whose time was taken. */
  latencies: LatencyHistogram | undefined;
  #timedCalls = 0;
  #timedMicros = 0;
  readonly #fields: readonly (readonly [name: string, parse: (cursor: ArgumentCursor) => unknown])[];
  readonly #argumentsMax: number;
  readonly #minimum: number;
  readonly #group: number;
  readonly #isCounted: boolean;
  readonly #empty: Readonly<Record<string, unknown>>;

  constructor(name: string, row: Command, parent?: string) {
    this.command = row;
    this.name = parent === undefined ? name : `${parent}|${name}`;
    this.nameArguments = parent === undefined ? 1 : 2;
    const args = Object.values(row.args);
    const subcommands = Object.keys(row.subcommands).length;
    const minimum = this.nameArguments + args.reduce((sum, argument) => sum + argument.minimum, 0);
    const fixed = subcommands === 0 && args.every((argument) => argument.fixed);
    this.arity = fixed ? minimum : -minimum;
    this.#minimum = minimum;
    this.#group = Math.max(1, ...args.map((argument) => argument.group ?? 1));
    this.#argumentsMax = row.argumentsMax ?? Number.POSITIVE_INFINITY;
    this.#isCounted = this.#group > 1 || row.argumentsMax !== undefined;
    this.isWrite = row.flags.includes('write');
    this.allowedUnauthenticated = row.flags.includes('no_auth');
    this.countsLookups = row.countsLookups ?? row.flags.includes('readonly');
    this.isLogged = !row.flags.includes('skip_slowlog');
    let firstKey = 0;
    let lastKey = 0;
    let keyStep = 0;
    let position = this.nameArguments;
    const specs: KeySpec[] = [];
    for (const argument of args) {
      if (argument.keys !== undefined) {
        if (firstKey === 0) firstKey = position;
        lastKey = argument.keys.toEnd ? -1 : position;
        keyStep = argument.keys.step;
        specs.push({ index: position, lastKey: argument.keys.toEnd ? -1 : 0, step: keyStep, flags: [] });
      }
      position += argument.minimum;
    }
    this.keySpecs = withFlags(specs, row.keyFlags ?? []);
    this.firstKey = firstKey;
    this.lastKey = lastKey;
    this.keyStep = keyStep;
    this.subcommands = subcommands === 0 ? undefined : new CommandTable(row.subcommands, this.name);
    this.#fields = Object.entries(row.args).map(([field, argument]) => [field, (cursor) => argument.parse(cursor)]);
    this.#empty = Object.freeze({});
  }

  /** What all calls took, microseconds, told by those whose time was taken. */
  get micros(): number {
    return this.#timedCalls === 0 ? 0 : (this.#timedMicros / this.#timedCalls) * this.calls;
  }

  /** A call is over. */
  noteCall(elapsedMs: number): void {
    this.calls++;
    this.noteTime(elapsedMs * 1_000, 1);
  }

  /** What some of the calls took. */
  noteTime(micros: number, calls: number): void {
    this.#timedMicros += micros;
    this.#timedCalls += calls;
    this.latencies ??= new LatencyHistogram();
    this.latencies.note(micros / calls, calls);
  }

  resetStatistics(): void {
    this.calls = 0;
    this.failedCalls = 0;
    this.rejectedCalls = 0;
    this.latencies = undefined;
    this.#timedCalls = 0;
    this.#timedMicros = 0;
  }

  /** @throws RespError for a wrong shape. */
  parseArguments(cursor: ArgumentCursor): Readonly<Record<string, unknown>> {
    if (this.#isCounted) this.#checkCount(cursor);
    if (this.#fields.length === 0) {
      cursor.finish();
      return this.#empty;
    }
    const values: Record<string, unknown> = {};
    for (const [field, parse] of this.#fields) values[field] = parse(cursor);
    cursor.finish();
    return values;
  }

  /** Whether so many arguments agree with the declared arity: what is checked before a command is queued. */
  accepts(argumentCount: number): boolean {
    return this.arity >= 0 ? argumentCount === this.arity : argumentCount >= this.#minimum;
  }

  /** What the declared arity cannot say: an upper bound, and arguments that come in groups. */
  #checkCount(cursor: ArgumentCursor): void {
    const argumentCount = cursor.remaining + this.nameArguments;
    if (argumentCount > this.#argumentsMax) throw this.#tooMany(cursor);
    if ((argumentCount - this.#minimum) % this.#group !== 0) throw this.wrongArity();
  }

  /** Redis counts the arguments of a subcommand in two places, with words of their own: this is the second. */
  #tooMany(cursor: ArgumentCursor): RespError {
    const [container] = this.name.split('|');
    if (container === this.name) return this.wrongArity();
    const typed = cursor.previousText();
    return new RespError(
      `ERR unknown subcommand or wrong number of arguments for '${typed}'. Try ${container!.toUpperCase()} HELP.`,
    );
  }

  run(
    on: Database | readonly Database[] | KeyspaceTransaction | Session,
    args: Readonly<Record<string, unknown>>,
  ): unknown {
    return this.command.run(on as never, args as never);
  }

  writeReply(writer: ReplyWriter, value: unknown): void {
    this.command.reply.write(writer, value as never);
  }

  wrongArity(): RespError {
    return new RespError(`ERR wrong number of arguments for '${this.name}' command`);
  }

  argumentDocs(): readonly ArgumentDoc[] {
    return Object.entries(this.command.args).flatMap(([name, argument]) => argument.docs(name));
  }
}

/** One entry of the key specifications of COMMAND INFO. */
export interface KeySpec {
  /** Position of its first key. */
  readonly index: number;
  /** Position of its last key behind the first; -1 for the end of the command. */
  readonly lastKey: number;
  readonly step: number;
  readonly flags: readonly KeyFlag[];
}

function withFlags(
  specs: readonly KeySpec[],
  flags: readonly KeyFlag[] | readonly (readonly KeyFlag[])[],
): readonly KeySpec[] {
  const [first] = specs;
  if (first === undefined) return [];
  if (isListOfLists(flags)) return specs.map((spec, number) => ({ ...spec, flags: flags[number] ?? [] }));
  const last = specs[specs.length - 1]!;
  return [{ ...first, lastKey: last.lastKey === -1 ? -1 : last.index - first.index, flags }];
}

function isListOfLists(
  flags: readonly KeyFlag[] | readonly (readonly KeyFlag[])[],
): flags is readonly (readonly KeyFlag[])[] {
  return Array.isArray(flags[0]);
}

/** Positions of the keys among the arguments of one call, name included. */
export function keyPositions(entry: CommandEntry, argumentCount: number): readonly number[] {
  const positions: number[] = [];
  if (entry.firstKey === 0) return positions;
  const last = entry.lastKey < 0 ? argumentCount + entry.lastKey : entry.lastKey;
  for (let i = entry.firstKey; i <= last; i += entry.keyStep) positions.push(i);
  return positions;
}

const SLOTS_PER_COMMAND = 4;

/** Finds a command by the bytes of its name, in any case, without making a string. */
export class CommandTable {
  readonly entries: readonly CommandEntry[];
  readonly #slots: (CommandEntry | undefined)[];
  readonly #names: (string | undefined)[];

  constructor(rows: Readonly<Record<string, Command>>, parent?: string) {
    this.entries = Object.entries(rows).map(([name, row]) => new CommandEntry(name.toLowerCase(), row, parent));
    let size = 16;
    while (size < this.entries.length * SLOTS_PER_COMMAND) size *= 2;
    this.#slots = new Array(size);
    this.#names = new Array(size);
    for (const entry of this.entries) {
      const name = entry.name.slice(parent === undefined ? 0 : parent.length + 1);
      let slot = hashName(Buffer.from(name), 0, name.length) & (size - 1);
      while (this.#slots[slot] !== undefined) slot = (slot + 1) & (size - 1);
      this.#slots[slot] = entry;
      this.#names[slot] = name;
    }
  }

  /** Its entries, and their subcommands. */
  get all(): readonly CommandEntry[] {
    return this.entries.flatMap((entry) => [entry, ...(entry.subcommands?.entries ?? [])]);
  }

  find(buffer: Bytes, start: number, length: number): CommandEntry | undefined {
    const mask = this.#slots.length - 1;
    for (let slot = hashName(buffer, start, length) & mask; ; slot = (slot + 1) & mask) {
      const name = this.#names[slot];
      if (name === undefined) return undefined;
      if (name.length === length && matches(name, buffer, start)) return this.#slots[slot];
    }
  }

  /** By name as a string: `get`, or `client|setname`. */
  byName(name: string): CommandEntry | undefined {
    const [first = '', second] = name.split('|', 2);
    const bytes = Buffer.from(second === undefined ? name : first);
    const entry = this.find(bytes, 0, bytes.length);
    if (second === undefined) return entry;
    const rest = Buffer.from(name.slice(first.length + 1));
    return entry?.subcommands?.find(rest, 0, rest.length);
  }
}

function hashName(buffer: Bytes, start: number, length: number): number {
  let hash = length;
  for (let i = start; i < start + length; i++) hash = Math.imul(hash, 31) + lower(buffer[i]!);
  return hash ^ (hash >>> 11);
}

function matches(name: string, buffer: Bytes, start: number): boolean {
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) !== lower(buffer[start + i]!)) return false;
  return true;
}

function lower(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte;
}
