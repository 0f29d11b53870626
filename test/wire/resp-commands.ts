/**
 * Random Redis commands for comparing two servers: every option, many wrong ones, binary values, and expiries that are either
 * over or far away, so that the clock decides nothing.
 *
 * Left out, because the answer is not a function of the commands before: what walks in an order of its own (see the tests
 * of SCAN), times to the millisecond, random keys; and what Redis 7.2 answers differently from the 7.0 compared with.
 */

import { dumpString } from '../../src/models/keyvalue/dump.ts';

export type Random = (bound: number) => number;

/** `exact`, byte for byte; `sorted`, an array in any order; `near`, an integer that may be off by one second. */
export type Comparison = 'exact' | 'sorted' | 'near';

export interface RandomCommand {
  readonly args: readonly string[];
  readonly comparison: Comparison;
}

const PLAIN_KEYS = ['a', 'b', 'c', 'counter', '{tag}1', '{tag}2', 'k\0\xff', ''];
/** Only these are watched: they never get an expiry that has passed, as an absent key is not changed by that here. */
const WATCHED_KEYS = ['w1', 'w2', '{tag}w'];

const VALUES = [
  '',
  'v',
  '1',
  '-7',
  '41',
  '9223372036854775807',
  '-9223372036854775808',
  '01',
  ' 1',
  '1.5',
  '3.0e3',
  '-0',
  '0x1p4',
  'inf',
  '\xff\x00\x0f',
  'x\r\ny',
  'ohmytext',
  'mynewtext',
  'z'.repeat(300),
  '123456789012345678901234567890',
];
const INTEGERS = [
  '0',
  '1',
  '-1',
  '7',
  '100',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
  'x',
  '',
  '+1',
  '007',
];
const OFFSETS = [
  '0',
  '1',
  '2',
  '5',
  '7',
  '8',
  '30',
  '-1',
  '-2',
  '-100',
  '1000',
  'x',
  '99999999999',
  '-9223372036854775808',
];
const FLOATS = [
  '0.1',
  '-3',
  '1e2',
  '3.14159',
  '1e-10',
  'nan',
  'inf',
  '-infinity',
  'x',
  '',
  ' 1',
  '1e5000',
  '0x.8',
  '.5',
  '5.',
  '99999999999999999999',
];
const SECONDS = [
  '100',
  '1000',
  '0',
  '-5',
  '100000',
  'x',
  '1.5',
  '9223372036854775807',
  '-9223372036854775',
  '-9223372036854776',
];

/** One client's commands; what it generates depends on whether it is within MULTI. */
export class CommandGenerator {
  readonly #random: Random;
  readonly #without: readonly string[];
  #inMulti = false;
  readonly #pending: RandomCommand[] = [];
  readonly #templates: readonly (() => string[])[];

  /** @param without Names of commands that the server refuses where the reference does not. */
  constructor(random: Random, without: readonly string[] = []) {
    this.#random = random;
    this.#without = without;
    this.#templates = this.#newTemplates();
  }

  /** The next command belongs right behind the one before. */
  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  next(): RandomCommand {
    const pending = this.#pending.shift();
    if (pending !== undefined) return pending;
    const dice = this.#random(100);
    if (this.#inMulti && dice < 18) return this.#endTransaction(dice);
    if (dice < 6) return this.#transactional(dice);
    if (!this.#inMulti && dice < 9) return this.#loose();
    for (;;) {
      const args = this.#pick(this.#templates)();
      const name = args[0]!.toUpperCase();
      if (!this.#without.includes(name)) return { args, comparison: 'exact' };
    }
  }

  #endTransaction(dice: number): RandomCommand {
    this.#inMulti = false;
    if (dice < 2) return exact('DISCARD');
    if (dice < 3) return exact('RESET');
    return exact('EXEC');
  }

  #transactional(dice: number): RandomCommand {
    if (dice < 3) {
      this.#inMulti = true;
      return exact('MULTI');
    }
    if (dice < 5) return exact('WATCH', ...this.#some(0, 2, () => this.#pick(WATCHED_KEYS)));
    if (this.#random(4) === 0) {
      this.#inMulti = false;
      return exact('EXEC', 'x');
    }
    return this.#pick([exact('UNWATCH'), exact('MULTI', 'x'), exact('DISCARD', 'x'), exact('WATCH')]);
  }

  /** Commands whose answers agree only in essence. */
  #loose(): RandomCommand {
    return this.#pick([
      (): RandomCommand => ({ args: [this.#pick(['TTL', 'EXPIRETIME']), this.#key()], comparison: 'near' }),
      (): RandomCommand => ({ args: ['ACL', 'CAT', this.#pick(['transaction', 'bitmap'])], comparison: 'sorted' }),
      (): RandomCommand => ({
        args: [
          'KEYS',
          this.#pick(['*', 'a', '?', '{tag}*', '[a-c]', '[^a]*', '\\a', '*\xff', '[', '', 'w?', '**', 'c*r']),
        ],
        comparison: 'sorted',
      }),
    ])();
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#random(values.length)]!;
  }

  #some(least: number, most: number, make: () => string | string[]): string[] {
    return Array.from({ length: least + this.#random(most - least + 1) }, make).flat();
  }

  #cased(token: string): string {
    return this.#random(2) === 0 ? token : token.toLowerCase();
  }

  #key(): string {
    return this.#random(5) === 0 ? this.#pick(WATCHED_KEYS) : this.#pick(PLAIN_KEYS);
  }

  /** Sends what a later command needs right before it. */
  #after(first: readonly string[], second: readonly string[]): string[] {
    this.#pending.push({ args: second, comparison: 'exact' });
    return [...first];
  }

  #newTemplates(): readonly (() => string[])[] {
    const pick = <T>(values: readonly T[]): T => this.#pick(values);
    const some = (least: number, most: number, make: () => string | string[]) => this.#some(least, most, make);
    const cased = (token: string) => this.#cased(token);
    const key = () => this.#key();
    const plain = () => pick(PLAIN_KEYS);
    const value = () => pick(VALUES);
    const integer = () => pick(INTEGERS);
    const offset = () => pick(OFFSETS);
    const expiration = (): string[] =>
      pick([
        () => [cased('EX'), pick(SECONDS)],
        () => [cased('PX'), pick(['100000', '0', 'x', '500000'])],
        () => [cased('EXAT'), pick(['33177117420', '1', '0', 'x'])],
        () => [cased('PXAT'), pick(['33177117420000', '1', '-1'])],
      ])();
    const setOption = () =>
      pick([
        () => [cased('NX')],
        () => [cased('XX')],
        () => [cased('GET')],
        () => [cased('KEEPTTL')],
        expiration,
        expiration,
        () => ['BOGUS'],
        () => [cased('EX')],
      ])();
    const condition = () => pick(['NX', 'xx', 'GT', 'lt', 'FOO']);
    const absence = () => pick(['NX', 'xx', 'FOO']);
    // Which of two equal times from now on is later depends on the millisecond: these are all far from each other.
    const compared = (most: number) => [
      pick([() => String(20_000_000 * (1 + this.#random(100_000))), () => pick(['-5', '0', 'x'])])(),
      ...some(1, most, condition),
    ];
    const field = () => pick(['u8', 'i8', 'u4', 'i64', 'u63', 'i1', 'u1', 'i17', 'u64', 'i65', 'i0', 'x8', 'u']);
    const fieldOffset = () => pick(['0', '1', '7', '8', '13', '#0', '#1', '#3', '100', '-1', '#-1', 'x', '#']);
    const fieldOperation = () =>
      pick([
        () => [cased('GET'), field(), fieldOffset()],
        () => [
          cased('SET'),
          field(),
          fieldOffset(),
          pick(['0', '1', '-1', '255', '256', '-129', '9223372036854775807', 'x']),
        ],
        () => [cased('INCRBY'), field(), fieldOffset(), pick(['1', '-1', '100', '-100', '9223372036854775807'])],
        () => ['OVERFLOW', pick(['WRAP', 'sat', 'FAIL', 'FAIL', 'BOGUS'])],
        () => ['BOGUS'],
        () => ['GET', 'u8'],
      ])();
    const range = () =>
      pick([
        () => [offset(), offset()],
        () => [offset(), offset(), pick(['BIT', 'byte', 'BOGUS'])],
        () => [offset()],
        () => [offset(), offset(), 'BIT', 'x'],
      ])();
    // Redis 7.0 looks at the numbers before the unit.
    const countRange = () =>
      pick([() => [offset(), offset()], () => [offset(), offset(), 'bit'], () => ['0', '1', 'BOGUS'], () => ['1']])();
    const database = () => pick(['0', '1', '2', '15', '16', '-1', 'x', '99999999999']);
    const payload = () => {
      const bytes = Buffer.from(dumpString(Buffer.from(value(), 'latin1')));
      if (this.#random(4) === 0) bytes[this.#random(bytes.length)]! ^= 1 << this.#random(8);
      return bytes.toString('latin1');
    };
    const sortOption = () =>
      pick([
        () => [cased('ALPHA')],
        () => [cased('ASC')],
        () => [cased('DESC')],
        () => [cased('LIMIT'), pick(INTEGERS), pick(INTEGERS)],
        () => ['LIMIT', '1'],
        () => [cased('BY'), pick(['nosort', 'w_*', '#', ''])],
        () => [cased('GET'), pick(['#', 'w_*', '*->f', 'LIMIT'])],
        () => [pick(['BY', 'GET', 'BOGUS'])],
      ])();
    const sortTarget = () => pick([[cased('STORE'), key()], ['STORE'], [cased('STORE'), key(), 'ASC']]);
    // Nobody listens on port 1, and that is told at once.
    const migration = (): string[] =>
      pick([
        () => ['127.0.0.1', '1', 'none', '0', '100'],
        () => ['127.0.0.1', '1', key(), '0', '100000', ...some(0, 3, migrationOption)],
        () => ['127.0.0.1', '1', '', '0', '100000', ...some(0, 2, migrationOption), 'KEYS', ...some(0, 3, key)],
        () => ['127.0.0.1', 'x', key(), pick(['0', 'x', '1.5']), pick(['100000', 'x'])],
        () => ['127.0.0.1', '1', key(), '0'],
      ])();
    const migrationOption = () =>
      pick([['COPY'], ['replace'], ['AUTH', 'p'], ['auth2', 'u', 'p'], ['AUTH'], ['AUTH2', 'u'], ['BOGUS'], ['KEYS']]);
    return [
      () => ['SET', key(), value()],
      () => ['SET', key(), value()],
      () => ['SET', plain(), value(), ...some(0, 3, setOption)],
      () => ['GET', key()],
      () => ['GET', key()],
      () => ['GETEX', key(), ...some(0, 2, () => (this.#random(3) === 0 ? [cased('PERSIST')] : expiration()))],
      () => ['GETDEL', key()],
      () => ['GETSET', key(), value()],
      () => ['SETNX', key(), value()],
      () => ['SETEX', key(), pick(SECONDS), value()],
      () => ['PSETEX', key(), pick(['100000', '0', '-1', 'x']), value()],
      () => ['MSETNX', ...some(0, 3, () => [key(), value()])],
      () => ['INCRBYFLOAT', key(), pick(FLOATS)],
      () => ['INCRBYFLOAT', pick(['counter', 'a']), pick(FLOATS)],
      () => ['APPEND', key(), value()],
      () => ['STRLEN', key()],
      () => ['SETRANGE', key(), offset() === '99999999999' ? '3' : pick(OFFSETS.slice(0, 10)), value()],
      () => ['SETRANGE', key(), pick(['536870912', '99999999999', 'x', '-1']), 'v'],
      () => [pick(['GETRANGE', 'SUBSTR']), key(), offset(), offset()],
      () =>
        this.#after(
          ['MSET', 'b', pick(VALUES), 'c', pick(VALUES)],
          [
            'LCS',
            'b',
            'c',
            ...some(0, 3, () =>
              pick([
                ['LEN'],
                ['IDX'],
                ['idx'],
                ['MINMATCHLEN', pick(['0', '2', '-1', 'x'])],
                ['WITHMATCHLEN'],
                ['BOGUS'],
              ]),
            ),
          ],
        ),
      () => ['SETBIT', key(), pick(['0', '1', '7', '8', '100', '-1', 'x', '4294967296']), pick(['0', '1', '2', 'x'])],
      () => ['GETBIT', key(), pick(['0', '1', '7', '8', '100', '-1', 'x', '4294967296', '4294967295'])],
      () =>
        this.#after(['SETBIT', 'bits', pick(['7', '9', '30']), '1'], ['BITCOUNT', 'bits', ...some(0, 1, countRange)]),
      () => ['BITCOUNT', key()],
      () =>
        this.#after(
          ['SET', 'bits', pick(['\xff\xf0\x00', '\x00\x00', '\xff\xff', '', 'foobar'])],
          ['BITPOS', 'bits', pick(['0', '1', '1', '0', '2', 'x']), ...some(0, 1, range)],
        ),
      () => ['BITOP', pick(['AND', 'or', 'XOR', 'NOT', 'BOGUS']), key(), ...some(1, 3, key)],
      () => ['BITFIELD', key(), ...some(0, 4, fieldOperation)],
      () => ['BITFIELD_RO', key(), ...some(0, 2, fieldOperation)],
      () => [pick(['DEL', 'UNLINK']), ...some(0, 4, key)],
      () => [pick(['EXISTS', 'TOUCH']), ...some(0, 4, key)],
      () => ['EXPIRE', key(), ...pick([() => [pick(SECONDS), ...some(0, 2, absence)], () => compared(2)])()],
      () => [
        'PEXPIRE',
        key(),
        ...pick([() => [pick(['100000', '-1', 'x']), ...some(0, 1, absence)], () => compared(1)])(),
      ],
      () => [
        'EXPIREAT',
        key(),
        pick(['33177117420', '1', '0', '-7', 'x', '9223372036854775807', '-9223372036854775', '-9223372036854776']),
        ...some(0, 2, condition),
      ],
      () => [
        'PEXPIREAT',
        key(),
        pick(['33177117420000', '1', '-1', '33177117420001', '-9223372036854775808']),
        ...some(0, 1, condition),
      ],
      () => ['PEXPIRETIME', 'never'],
      () => ['PERSIST', key()],
      () => ['TYPE', key()],
      () => ['RENAME', key(), key()],
      () => ['RENAMENX', key(), key()],
      () => [
        'COPY',
        key(),
        key(),
        ...some(0, 2, () => pick([['REPLACE'], ['replace'], ['BOGUS']])),
        ...some(0, 1, () => ['DB', database()]),
      ],
      () => ['MOVE', key(), database()],
      () => ['SWAPDB', pick(['0', '1']), pick(['0', '1', '2'])],
      () => ['SWAPDB', database(), database()],
      () => ['SORT', this.#random(2) === 0 ? 'none' : key(), ...some(0, 3, sortOption), ...some(0, 1, sortTarget)],
      () => ['SORT_RO', this.#random(2) === 0 ? 'none' : key(), ...some(0, 3, sortOption), ...some(0, 1, sortTarget)],
      () => (this.#inMulti ? ['PING'] : ['MIGRATE', ...migration()]),
      () => ['DUMP', key()],
      () => [
        'RESTORE',
        key(),
        pick(['0', '100000', '-1', 'x']),
        payload(),
        ...some(0, 2, () =>
          pick([
            ['REPLACE'],
            ['ABSTTL'],
            ['IDLETIME', pick(['1', '-1', 'x'])],
            ['FREQ', pick(['1', '256'])],
            ['BOGUS'],
          ]),
        ),
      ],
      () =>
        this.#after(
          ['SET', 'b', value()],
          ['OBJECT', pick(this.#inMulti ? ['ENCODING'] : ['ENCODING', 'REFCOUNT', 'freq']), 'b'],
        ),
      () => [
        'OBJECT',
        ...pick([['NOSUCH'], ['ENCODING'], ['ENCODING', 'none'], ['IDLETIME', 'none'], ['FREQ', 'none']]),
      ],
      () => [pick(['INCR', 'DECR']), key()],
      () => [pick(['INCRBY', 'DECRBY']), key(), integer()],
      () => ['MGET', ...some(0, 5, key)],
      () => ['MSET', ...some(0, 3, () => [key(), value()])],
      () => ['MSET', ...some(1, 3, () => [key(), value()]), ...some(0, 1, key)],
      () => ['SCAN', pick(['x', '1x', '18446744073709551616'])],
      () => ['SCAN', '0', ...pick([['COUNT'], ['COUNT', '0'], ['COUNT', 'x'], ['BOGUS', '1'], ['TYPE']])],
      () => ['PING', ...some(0, 2, value)],
      () => ['ECHO', ...some(0, 2, value)],
      () => ['SELECT', database()],
      () => ['SELECT', '0'],
      () => [pick(['FLUSHDB', 'FLUSHDB', 'FLUSHALL']), ...some(0, 1, () => pick(['ASYNC', 'sync', 'BOGUS']))],
      () => ['WAIT', pick(['0', 'x']), pick(['0', '-1', 'x', '1'])],
      () => ['CLIENT', ...pick(CLIENT_ARGUMENTS)],
      () => ['ACL', ...pick(ACL_ARGUMENTS)],
      () => ['COMMAND', ...pick(COMMAND_ARGUMENTS)],
      () => ['CONFIG', ...pick(CONFIG_ARGUMENTS)],
      () => ['MEMORY', ...pick([['NOSUCH'], ['USAGE', 'none'], ['USAGE', 'none', 'SAMPLES', '3'], ['PURGE'], []])],
      () => ['SLOWLOG', ...pick([['GET', '-2'], ['GET', 'x'], ['get', '1', '2'], ['NOSUCH'], ['LEN', 'x']])],
      () => ['LATENCY', ...pick([['LATEST'], ['HISTORY', 'x'], ['RESET'], ['NOSUCH'], ['GRAPH', 'x']])],
      () => (this.#inMulti ? ['PING'] : ['DEBUG', 'SLEEP', '0']),
      () => [pick(['NOSUCH', 'x'.repeat(200), 'a\r\nb']), ...some(0, 6, () => pick(VALUES.slice(0, 12)))],
      () => ['AUTH', ...some(0, 3, () => pick(['default', 'secret']))],
      () => [
        'HELLO',
        ...pick([['4'], ['x'], ['2', 'BOGUS'], ['2', 'AUTH', 'a'], ['3', 'SETNAME', 'a b'], ['9', 'BOGUS']]),
      ],
      () => [pick(['get', 'Get', 'GET']), ...some(0, 2, key)],
    ];
  }
}

const CLIENT_ARGUMENTS: readonly string[][] = [
  ['SETNAME', 'n1'],
  ['SETNAME', 'a b'],
  ['GETNAME'],
  ['NOSUCH'],
  [],
  ['GETNAME', 'x'],
  ['NO-EVICT', 'on'],
  ['TRACKINGINFO'],
  ['GETREDIR'],
  ['UNBLOCK', '999999'],
  ['UNBLOCK', 'x'],
  ['UnBlock', '1', 'ERROR', 'x'],
  ['CACHING', 'YES'],
  ['LIST', 'ID', '999999'],
  ['LIST', 'ID', 'x'],
  ['LIST', 'ID', '0', '-1'],
  ['LIST', 'BOGUS'],
  ['LIST', 'TYPE', 'bogus'],
  ['LIST', 'TYPE', 'replica'],
  ['KILL', 'ID', '999999'],
  ['KILL', 'ID', 'x'],
  ['KILL', '1.1.1.1:4'],
  ['KILL', 'BOGUS', 'x'],
  ['KILL', 'LADDR', '1.1.1.1:4'],
  ['KILL', 'TYPE', 'bogus'],
  ['KILL', 'SKIPME', 'x'],
  ['PAUSE', 'x'],
  ['PAUSE', '1', 'BOGUS'],
  ['PAUSE', '-1'],
  ['PAUSE', '1', 'ALL', 'x'],
  ['UNPAUSE'],
  ['REPLY', 'BOGUS'],
];

const ACL_ARGUMENTS: readonly string[][] = [
  ['WHOAMI'],
  ['WHOAMI', 'x'],
  ['CAT'],
  ['CAT', 'bogus'],
  ['CAT', 'hash', 'x'],
  ['USERS'],
  ['LIST'],
  ['GETUSER', 'default'],
  ['GETUSER', 'nobody'],
  ['GETUSER'],
  ['GENPASS', '0'],
  ['GENPASS', 'x'],
  ['GENPASS', '4097'],
  ['GENPASS', '8', 'x'],
  ['genpass', '8', 'x'],
  ['DRYRUN', 'default', 'get', 'a'],
  ['DRYRUN', 'default', 'get'],
  ['DRYRUN', 'default', 'client', 'id'],
  ['DRYRUN', 'default', 'client', 'nosuch'],
  ['DRYRUN', 'default', 'client'],
  ['DRYRUN', 'default', 'nosuch', 'a'],
  ['DRYRUN', 'nobody', 'get', 'a'],
  ['DRYRUN', 'default'],
  ['LOG', 'RESET'],
  ['LOG', 'x'],
  ['LOG', '1', '2'],
  ['DELUSER', 'nobody'],
  ['DELUSER', 'default', 'nobody'],
  ['DELUSER'],
  ['SETUSER'],
  ['NOSUCH'],
  [],
];

const COMMAND_ARGUMENTS: readonly string[][] = [
  ['INFO', 'get'],
  ['INFO', 'set', 'nope', 'mset'],
  ['COUNT', 'x'],
  ['NOSUCH', 'y'],
  ['GETKEYS', 'mset', 'a', 'b', 'c', 'd'],
  ['GETKEYS', 'get', 'a', 'b'],
  ['GETKEYS', 'nope', 'a'],
  ['GETKEYS', 'ping', 'a'],
  ['GETKEYS', 'get'],
  ['GETKEYS', 'bitop', 'and', 'a', 'b', 'c'],
  ['GETKEYS', 'object', 'encoding', 'k'],
  ['GETKEYS', 'sort', 'a', 'by', 'store', 'store', 'b', 'STORE', 'c'],
  ['GETKEYS', 'sort', 'a', 'limit', 'store', 'x', 'desc'],
  ['GETKEYS', 'sort_ro', 'a', 'store', 'b'],
  ['GETKEYS', 'migrate', 'h', '1', 'k', '0', '10', 'copy', 'keys', 'a'],
  ['GETKEYS', 'migrate', 'h', '1', '', '0', '10', 'copy', 'keys', 'a', 'b'],
  ['GETKEYSANDFLAGS', 'migrate', 'h', '1', '', '0', '10', 'keys', 'a', 'b'],
  ['GETKEYSANDFLAGS', 'migrate', 'h', '1', 'k', '0', '10'],
  ['GETKEYSANDFLAGS', 'sort', 'a', 'store', 'b'],
  ['GETKEYSANDFLAGS', 'get', 'a'],
  ['GETKEYSANDFLAGS', 'set', 'a', 'b'],
  ['GETKEYSANDFLAGS', 'set', 'a', 'b', 'GET'],
  ['GETKEYSANDFLAGS', 'rename', 'a', 'b'],
  ['LIST', 'BOGUS'],
  ['LIST', 'FILTERBY', 'BOGUS', 'x'],
  ['LIST', 'FILTERBY', 'ACLCAT', 'bogus'],
  ['LIST', 'FILTERBY', 'MODULE', 'x'],
];

const CONFIG_ARGUMENTS: readonly string[][] = [
  ['GET', 'databases'],
  ['GET', 'maxmemory'],
  ['GET', 'DataBases', 'DataBases'],
  ['GET', 'nosuch*'],
  ['GET'],
  ['SET', 'nosuch', 'x'],
  ['SET', 'databases', '3'],
  ['SET', 'slowlog-max-len', 'x'],
  ['SET', 'slowlog-max-len', '-1'],
  ['SET', 'slowlog-max-len', '64', 'slowlog-max-len', '65'],
  ['SET', 'slowlog-max-len', '64', 'databases', '65'],
  ['SET', 'slowlog-max-len', '128'],
  ['SET', 'maxmemory', '0'],
  ['SET', 'maxmemory', '0mb', 'maxmemory-policy', 'NoEviction'],
  ['SET', 'maxmemory', 'x'],
  ['SET', 'save', '', 'notify-keyspace-events', ''],
  ['SET', 'timeout', '10000', 'tcp-keepalive', '300'],
  ['SET', 'timeout', '-1'],
  ['SET', 'timeout', '2147483648'],
  ['SET', 'timeout', '20000', 'timeout', '30000'],
  ['SET', 'timeout', '20000', 'slowlog-max-len', 'x'],
  ['SET', 'client-query-buffer-limit', '1'],
  ['SET', 'client-query-buffer-limit', '1gb'],
  ['SET', 'latency-monitor-threshold', '-1'],
  ['SET', 'latency-monitor-threshold', '100000'],
  ['SET', 'latency-tracking', 'yes'],
  ['SET', 'latency-tracking-info-percentiles', '50 90.5 100'],
  ['SET', 'latency-tracking-info-percentiles', '50 101'],
  ['SET', 'latency-tracking-info-percentiles', 'x'],
  ['GET', 'timeout'],
  ['GET', 'tcp-keepalive'],
  ['GET', 'latency-tracking-info-percentiles'],
  ['SET', 'x'],
  ['SET', 'nosuch', 'x', 'y'],
  ['NOSUCH'],
];

function exact(...args: readonly string[]): RandomCommand {
  return { args, comparison: 'exact' };
}
