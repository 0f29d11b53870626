/**
 * The binary format of every type: fields as PostgreSQL 15 sends them, byte for byte, and parameters that both read alike.
 * Skipped where PostgreSQL 15 is not installed.
 */

import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PgServer, startPgServer } from './pg-server.ts';
import { type PostgresReference, postgresBinaries, startPostgres } from './postgres-reference.ts';

const installed = postgresBinaries() !== undefined;

/** A type, and values of it in text. */
const VALUES: readonly (readonly [string, readonly string[]])[] = [
  ['bool', ['t', 'f']],
  ['int2', ['0', '-32768', '32767']],
  ['int4', ['0', '-2147483648', '2147483647']],
  ['int8', ['0', '-9223372036854775808', '9223372036854775807']],
  ['float4', ['0', '1.5', '-0.1', 'NaN', 'Infinity', '1e-30']],
  ['float8', ['0', '1.5', '-0.1', 'NaN', '-Infinity', '1e-300']],
  [
    'numeric',
    [
      '0',
      '0.00',
      '1',
      '-1.5',
      '10000',
      '9999.9999',
      '123456789.123456789',
      '1e-20',
      '1e30',
      '0.00012',
      'NaN',
      'inf',
      '-inf',
    ],
  ],
  ['text', ['', 'a', 'é𝄞']],
  ['varchar', ['abc']],
  ['name', ['abc']],
  ['bytea', ['\\x', '\\x00ff']],
  ['"char"', ['a', '']],
  ['oid', ['0', '4294967295']],
  ['uuid', ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
  ['date', ['2024-02-29', '1970-01-01', '0044-03-15 BC', 'infinity', '-infinity']],
  ['time', ['00:00', '10:11:12.131415', '24:00']],
  ['timetz', ['10:11:12+05:30', '00:00-08']],
  ['timestamp', ['2024-02-29 10:11:12.131415', 'infinity', '0044-03-15 BC']],
  ['timestamptz', ['2024-02-29 10:11:12.131415+02', '-infinity']],
  ['interval', ['0', '1 year 2 mons -3 days 04:05:06.789', '-1 day +00:00:01']],
  ['json', ['{"b": 1, "a":[1, 2]}']],
  ['jsonb', ['{"b": 1, "a":[1, 2.50]}', 'null', '"x"']],
  ['inet', ['10.1.2.3', '10.1.2.3/8', '2001:db8::1/64']],
  ['cidr', ['10.0.0.0/8', '::/0']],
  ['int4[]', ['{}', '{1,NULL,3}', '{{1,2},{3,4}}', '[2:3]={1,2}']],
  ['text[]', ['{a,"b c",NULL}']],
  ['numeric[]', ['{1.50,NaN}']],
  ['int4range', ['[1,5)', 'empty', '(,)', '[1,)']],
  ['numrange', ['(1.5,2.50]']],
  ['tstzrange', ['["2024-01-01 00:00+00",infinity)']],
  ['int4multirange', ['{}', '{[1,3),[5,)}']],
  ['datemultirange[]', ['{"{[2024-01-01,2024-02-01)}"}']],
  ['bit(9)', ['101010101']],
  ['varbit', ['', '1', '10000000', '100000001']],
  ['macaddr', ['08:00:2b:01:02:03']],
  ['macaddr8', ['08:00:2b:01:02:03:04:05']],
  ['xid8', ['18446744073709551615']],
  ['pg_snapshot', ['10:20:10,14', '1:1:']],
];

/** One connection that asks in the extended protocol, everything in binary: stock clients read binary fields as text. */
class BinaryClient {
  readonly #socket: net.Socket;
  #received = Buffer.alloc(0);
  #waiting: ((messages: readonly (readonly [string, Buffer])[]) => void) | undefined;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#check();
    });
  }

  static async connect(port: number, database: string): Promise<BinaryClient> {
    const client = new BinaryClient(net.connect({ host: '127.0.0.1', port }));
    const body = Buffer.from(`\0\x03\0\0user\0orbit\0database\0${database}\0\0`, 'latin1');
    await client.#ask(Buffer.concat([int32(body.length + 4), body]));
    return client;
  }

  async run(text: string): Promise<void> {
    const answer = await this.#ask(message('Q', Buffer.from(`${text}\0`)));
    expect(answer.map(([type]) => type)).not.toContain('E');
  }

  /** The one field of the one row, as hexadecimal digits. Fails with the SQLSTATE, or PostgreSQL's own message, as its message. */
  async field(text: string, parameter?: Buffer, told: 'code' | 'message' = 'code'): Promise<string> {
    const parameters =
      parameter === undefined
        ? [int16(0), int16(0)]
        : [int16(1), int16(1), int16(1), int32(parameter.length), parameter];
    const answer = await this.#ask(
      Buffer.concat([
        message('P', Buffer.from(`\0${text}\0`), int16(0)),
        message('B', Buffer.from('\0\0'), ...parameters, int16(1), int16(1)),
        message('E', Buffer.from('\0'), int32(0)),
        message('S'),
      ]),
    );
    for (const [type, body] of answer) {
      if (type === 'D') return body.subarray(6, 6 + body.readInt32BE(2)).toString('hex');
      if (type === 'E') {
        const error = `\0${body.toString('utf8')}`;
        const code = /\0C(.{5})\0/.exec(error)![1]!;
        throw new Error(told === 'code' ? code : `${code} ${/\0M([^\0]*)\0/.exec(error)![1]}`);
      }
    }
    throw new Error('no row');
  }

  close(): void {
    this.#socket.destroy();
  }

  #ask(bytes: Buffer): Promise<readonly (readonly [string, Buffer])[]> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#socket.write(bytes);
    });
  }

  #check(): void {
    const messages: (readonly [string, Buffer])[] = [];
    let at = 0;
    while (at + 5 <= this.#received.length) {
      const end = at + 1 + this.#received.readInt32BE(at + 1);
      if (end > this.#received.length) return;
      messages.push([String.fromCharCode(this.#received[at]!), this.#received.subarray(at + 5, end)]);
      at = end;
    }
    if (messages.at(-1)?.[0] !== 'Z') return;
    this.#received = Buffer.alloc(0);
    this.#waiting?.(messages);
  }
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function message(type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

describe.skipIf(!installed)('compared with PostgreSQL 15 (skipped where it is not installed)', () => {
  let reference: PostgresReference;
  let server: PgServer;
  let theirs: BinaryClient;
  let ours: BinaryClient;

  beforeAll(async () => {
    reference = (await startPostgres())!;
    server = await startPgServer();
    theirs = await BinaryClient.connect(reference.config.port, reference.config.database);
    ours = await BinaryClient.connect(server.config.port, server.config.database);
    for (const client of [ours, theirs]) {
      await client.run('create domain positive as int check (value > 0)');
      await client.run('create type pair as (a int, b positive)');
    }
  });

  afterAll(async () => {
    ours?.close();
    theirs?.close();
    await server?.stop();
    await reference?.stop();
  });

  test.each(VALUES)('%s has PostgreSQL’s bytes', async (type, values) => {
    for (const value of values) {
      const text = `select '${value}'::${type}`;
      expect(await ours.field(text), text).toBe(await theirs.field(text));
    }
  });

  test.each(VALUES)('%s is read from the bytes it is sent as', async (type, values) => {
    for (const value of values) {
      const bytes = await theirs.field(`select '${value}'::${type}`);
      expect(await ours.field(`select $1::${type}`, Buffer.from(bytes, 'hex')), value).toBe(bytes);
    }
  });

  test.each([
    ['positive[]', 'no dimensions', [0, 0, 23]],
    ['positive[]', 'elements of the base type', [1, 0, 23, 2, 1, 4, 7, 4, 8]],
    ['positive[]', 'an element against the rule of its domain', [1, 0, 23, 1, 1, 4, -7]],
    ['int4[]', 'another type of elements', [1, 0, 21, 1, 1, 4, 7]],
    ['int4[]', 'a type of elements that nobody has', [1, 0, 9_999, 1, 1, 4, 7]],
    ['int4[]', 'a type of elements of another database', [1, 0, 99_999, 1, 1, 4, 7]],
    ['int4[]', 'other flags', [1, 2, 23, 1, 1, 4, 7]],
    ['int4[]', 'fewer dimensions than none', [-1, 0, 23]],
    ['int4[]', 'more dimensions than there may be', [7, 0, 23]],
    ['int4[]', 'dimensions of less than nothing', [2, 0, 23, -1, 1, -1, 1, 4, 7]],
    ['pair', 'its columns', [2, 23, 4, 7, 23, 4, 8]],
    ['pair', 'the base type of a column', [2, 23, 4, 7, 23, 4, -8]],
    ['pair', 'a column of another type', [2, 20, 4, 7, 23, 4, 8]],
    ['pair', 'too few columns', [1, 23, 4, 7]],
  ])('%s of %s answer alike', async (type, _, words) => {
    const answer = (client: BinaryClient): Promise<string> =>
      client.field(`select $1::${type}::text`, Buffer.concat(words.map(int32))).catch(String);
    expect(await answer(ours)).toBe(await answer(theirs));
  });

  test.each([
    ['date', '80000001', 'before the first day'],
    ['date', '7ffffffe', 'behind the last day'],
    ['timestamp', '7ffffffffffffffe', 'behind the last moment'],
    ['timestamptz', '8000000000000001', 'before the first moment'],
    ['timestamp[]', '00000001000000000000045a0000000100000001000000087ffffffffffffffe', 'such an element'],
    ['timetz', '000000000000000000100000', 'no such offset'],
    ['cidr', '020801040a000001', 'bits to the right of the mask'],
    ['cidr', '022101040a000000', 'too many bits'],
    ['numeric', '0001000000000000', 'without its digits'],
    ['numeric', '00010000c0000000', 'no number, without its digits'],
    ['macaddr8', '08002b010203', 'six bytes'],
    ['int4', '000000', 'too short'],
    ['int4', '0000000000', 'too long'],
    ['bool', '', 'empty'],
    ['int4[]', '0000000100000000000000170000000200000001000000040000', 'cut within an element'],
    ['int4[]', '00000001000000000000001700000001000000010000000300000000', 'an element that is too short'],
    ['int4[]', '0000000100000000000000170000000100000001000000050000000000', 'an element that is too long'],
    ['int4[]', '000000010000000000000017000000020000000100000004000000', 'without its second element'],
    ['int4[]', '0000000100000000000000177fffffff00000001', 'more elements than bytes'],
    ['pair', '0000000200000017000000050000000000', 'a field that is too long'],
    ['int4range', '020000000400000001000000040000000500', 'bytes behind it'],
    ['int4range', '0200000005', 'a bound that is cut'],
    ['text', 'c328', 'no UTF-8'],
    ['text', '61f09f98', 'a character that is cut'],
  ])('%s of %s is refused alike: %s', async (type, bytes) => {
    const answer = (client: BinaryClient): Promise<string> =>
      client.field(`select $1::${type}::text`, Buffer.from(bytes, 'hex'), 'message').catch(String);
    expect(await answer(ours)).toBe(await answer(theirs));
  });

  test('bytes that are cut short are refused, and the connection goes on', async () => {
    for (const [type, values] of VALUES) {
      if (/^(text|varchar|name|bytea|json)$/.test(type)) continue;
      const whole = Buffer.from(await ours.field(`select '${values.at(-1)!}'::${type}`), 'hex');
      if (whole.length < 2) continue;
      const asked = ours.field(`select $1::${type}`, whole.subarray(0, whole.length - 1));
      await expect(asked, type).rejects.toThrow(/^(22P03|08P01|22P02)$/);
    }
    expect(await ours.field('select 1::int2')).toBe('0001');
  });
});
