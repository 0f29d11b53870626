/**
 * The same random statements to this server and to PostgreSQL 18 within the process (PGlite), both by the simple query protocol, so
 * that what is compared is what leaves on the wire: column names, type OIDs and modifiers, rows, tags, SQLSTATEs, and
 * whether a transaction is open or has failed. Messages of errors are PostgreSQL 15's here, and are compared elsewhere
 * (`pg-differential.test.ts`).
 */

import * as net from 'node:net';
import { PGlite } from '@electric-sql/pglite';
import type { ContractProvider } from '../support/stores.ts';
import { startPgServer } from './pg-server.ts';
import { isOrdered } from './row-order.ts';
import { type Mutable, SqlGenerator, TYPES, trials } from './sql-generator.ts';

export interface SqlDifferentialOptions {
  readonly seed: number | string;
  /** How many statements to compare. */
  readonly statements: number;
  /** Stops at so many differences. Default 1. */
  readonly differencesMax?: number;
  /** Also rows that are marked as pending, where this server has learnt them. Default false. */
  readonly learnt?: boolean;
  /** Now and then an expression of a type that its place does not want. Default false. */
  readonly mixed?: boolean;
  /** Default `memory`. */
  readonly provider?: ContractProvider;
  readonly progress?: (line: string) => void;
}

export interface SqlDifferentialReport {
  readonly compared: number;
  /** Both answered with an error, the same one. */
  readonly errors: number;
  /** Statement and both answers, for each difference. */
  readonly differences: readonly string[];
  /** Rows that say they are there and are not. */
  readonly missing: readonly string[];
  /** Pending rows that this server does not have. */
  readonly pending: readonly string[];
  /** Pending rows that it has by now. */
  readonly learnt: readonly string[];
  readonly explained: Readonly<Record<string, number>>;
}

/** An error of values: a division by zero, a number out of range, text that is no date, an array of more than one dimension. */
function isOfValues(sql: string, answer: string): boolean {
  return answer.startsWith('E 22') || (answer.startsWith('E 0A000') && /\barray_(remove|positions?)\(/.test(sql));
}
/** Refusals for types that do not go together, and for names of functions that there are not for them. */
const OF_TYPES = /^E (0A000|42725|42804|42846|42883)/;

/** Differences that are known and meant; docs/sql.md tells of them. */
const EXPLAINED: readonly {
  readonly why: string;
  /** Only where types are mixed: otherwise the rows say what must be there. */
  readonly mixed?: true;
  readonly applies: (sql: string, theirs: string, ours: string) => boolean;
}[] = [
  {
    // Where rows are read, who meets the row that fails depends on the plan: on an index, on a LIMIT it found by itself.
    why: 'an error of values in rows that only one of both looked at',
    applies: (sql, theirs, ours) =>
      /\bt[12]\b/.test(sql) &&
      isOfValues(sql, theirs) !== isOfValues(sql, ours) &&
      [theirs, ours].every((answer) => isOfValues(sql, answer) || !/^E /m.test(answer)),
  },
  {
    why: 'types that do not go together, refused under another code',
    applies: (_, theirs, ours) => OF_TYPES.test(theirs) && OF_TYPES.test(ours),
  },
  {
    why: 'bytes as an integer and the null of JSON as a number, which PostgreSQL has since version 18',
    applies: (sql, theirs, ours) => /^E (42846|22023)/.test(ours) && !theirs.startsWith('E') && /bytea|jsonb/.test(sql),
  },
  {
    why: 'whether an empty or endless range holds null, which PostgreSQL denies or affirms while planning since version 17',
    applies: (sql) => /@>|<@/.test(sql) && /'(empty|\(,\))'::\w+range|range_merge\(/.test(sql),
  },
  {
    why: 'an operator or function that is not here yet',
    mixed: true,
    applies: (_, theirs, ours) => /^E (0A000|42883)/.test(ours) && !OF_TYPES.test(theirs),
  },
  {
    why: 'two errors in one statement, of which each named one',
    applies: (_, theirs, ours) =>
      [theirs, ours].every((answer) => /^E (22|23505)/.test(answer) || OF_TYPES.test(answer)),
  },
];

export async function runSqlDifferential(options: SqlDifferentialOptions): Promise<SqlDifferentialReport> {
  const { seed, statements, differencesMax = 1, learnt: useLearnt = false, progress = () => {} } = options;
  const server = await startPgServer({ provider: options.provider ?? 'memory' });
  const theirs = await PGlite.create();
  const ours = await RawPgClient.connect(server.port);
  const ask = async (sql: string): Promise<readonly [string, string]> => [
    shown(Buffer.from(await theirs.execProtocolRaw(queryMessage(sql))), isOrdered(sql)),
    shown(await ours.query(sql), isOrdered(sql)),
  ];
  try {
    const refused = /^E /m;
    const missing: string[] = [];
    const pending: string[] = [];
    const learnt: string[] = [];
    const sort = (name: string, isPending: boolean, answers: readonly [string, string]): boolean => {
      const [expected, actual] = answers;
      const absent = refused.test(actual) && !refused.test(expected);
      if (absent) (isPending ? pending : missing).push(`${name}: ${actual.split('\n', 1)[0]}`);
      else if (isPending) learnt.push(name);
      return !absent && (useLearnt || !isPending);
    };
    const vocabulary: Mutable = { types: [], expressions: [], aggregates: [], statements: [] };
    for (const row of TYPES) {
      const made = await ask(`create table trial (v ${row.sql}); insert into trial values ('${row.values[0]}')`);
      await ask('drop table if exists trial');
      if (sort(row.sql, row.pending ?? false, made)) vocabulary.types.push(row);
    }
    const columns = vocabulary.types.map(({ type, sql }) => `c_${type} ${sql}`).join(', ');
    await ask(`create table trial (id int primary key, ${columns}); insert into trial (id) values (1)`);
    for (const trial of trials(vocabulary.types)) {
      const answers = await ask(trial.statement);
      if (/^[BERS]/i.test(trial.statement)) await ask('rollback');
      if (sort(trial.name, trial.pending, answers)) trial.allow(vocabulary);
    }
    await ask('drop table trial');

    const generator = new SqlGenerator(seed, vocabulary, options.mixed);
    const differences: string[] = [];
    const explained: Record<string, number> = {};
    const setUp = async () => {
      await ask('rollback');
      for (const sql of generator.setUp()) {
        const [expected, actual] = await ask(sql);
        if (expected !== actual) differences.push(described(sql, expected, actual));
      }
    };
    await setUp();
    let compared = 0;
    let errors = 0;
    while (compared < statements && differences.length < differencesMax) {
      const sql = generator.next();
      const [expected, actual] = await ask(sql);
      compared++;
      if (compared % 5_000 === 0) progress(`${compared} statements, ${differences.length} differences`);
      if (expected === actual) {
        if (expected.startsWith('E')) errors++;
        continue;
      }
      const why = EXPLAINED.find(
        (one) => (one.mixed !== true || options.mixed === true) && one.applies(sql, expected, actual),
      )?.why;
      if (why === undefined) differences.push(described(sql, expected, actual));
      else explained[why] = (explained[why] ?? 0) + 1;
      await setUp(); // What a statement that went differently has written is different, too.
    }
    return { compared, errors, differences, missing, pending, learnt, explained };
  } finally {
    ours.close();
    await server.stop();
    await theirs.close();
  }
}

function described(sql: string, expected: string, actual: string): string {
  const cut = (text: string) => (text.length > 800 ? `${text.slice(0, 800)}…` : text);
  return `${sql}\n  PostgreSQL: ${cut(expected).replaceAll('\n', '\n    ')}\n  here:       ${cut(actual).replaceAll('\n', '\n    ')}`;
}

function queryMessage(sql: string): Buffer {
  const text = Buffer.from(`${sql}\0`);
  const header = Buffer.alloc(5);
  header[0] = 0x51;
  header.writeInt32BE(text.length + 4, 1);
  return Buffer.concat([header, text]);
}

/** What an answer says, a line for each message; table OIDs, messages and notices are left out. */
export function shown(bytes: Buffer, ordered = true): string {
  const lines: string[] = [];
  let firstRow = -1;
  for (let at = 0; at < bytes.length; ) {
    const type = String.fromCharCode(bytes[at]!);
    const end = at + 1 + bytes.readInt32BE(at + 1);
    const body = bytes.subarray(at + 5, end);
    at = end;
    const line = messageOf(type, body);
    // Rows before an error are those that the plan had ready by then: no two servers need agree on them.
    if (type === 'E') while (lines.at(-1)?.startsWith('D ') || lines.at(-1)?.startsWith('T ')) lines.pop();
    if (line === undefined) continue;
    if (type === 'D') {
      if (firstRow < 0) firstRow = lines.length;
    } else if (firstRow >= 0) {
      if (!ordered) lines.push(...lines.splice(firstRow).sort());
      firstRow = -1;
    }
    lines.push(line);
  }
  return lines.join('\n');
}

function messageOf(type: string, body: Buffer): string | undefined {
  switch (type) {
    case 'T': {
      const fields: string[] = [];
      for (let at = 2; at < body.length; at += 18) {
        const end = body.indexOf(0, at);
        const name = body.toString('utf8', at, end);
        at = end + 1;
        fields.push(`${name} ${body.readUInt32BE(at + 6)}/${body.readInt16BE(at + 10)}/${body.readInt32BE(at + 12)}`);
      }
      return `T ${fields.join(', ')}`;
    }
    case 'D': {
      const values: string[] = [];
      for (let at = 2; at < body.length; ) {
        const length = body.readInt32BE(at);
        at += 4;
        values.push(length < 0 ? 'null' : JSON.stringify(body.toString('utf8', at, at + length)));
        at += Math.max(0, length);
      }
      return `D ${values.join(', ')}`;
    }
    case 'C':
    case 'Z':
      return `${type} ${body.toString('latin1').replace('\0', '')}`;
    case 'I':
      return 'I';
    case 'E': {
      const fields = body.toString('utf8').split('\0');
      const code = fields.find((field) => field.startsWith('C'))?.slice(1);
      return `E ${code}`;
    }
    default:
      return undefined;
  }
}

const READY_FOR_QUERY = 0x5a;

/** One connection that sends simple queries and gives back what came, byte for byte. */
export class RawPgClient {
  readonly #socket: net.Socket;
  #received: Buffer[] = [];
  #waiting:
    | {
        readonly answers: number;
        readonly resolve: (answers: readonly Buffer[]) => void;
        readonly reject: (error: Error) => void;
      }
    | undefined;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received.push(chunk);
      this.#check();
    });
    socket.on('error', () => {});
    socket.on('close', () => this.#waiting?.reject(new Error('the server closed the connection')));
  }

  static async connect(port: number, database = 'actors'): Promise<RawPgClient> {
    const socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
    const client = new RawPgClient(socket);
    const body = Buffer.from(`\0\x03\0\0user\0orbit\0database\0${database}\0\0`, 'latin1');
    const header = Buffer.alloc(4);
    header.writeInt32BE(body.length + 4);
    await client.#ask(Buffer.concat([header, body]));
    return client;
  }

  query(sql: string): Promise<Buffer> {
    return this.#ask(queryMessage(sql));
  }

  /** Sends all before the first is answered. */
  queries(sqls: readonly string[]): Promise<readonly Buffer[]> {
    return this.exchanges(sqls.map(queryMessage));
  }

  /** Sends all before the first is answered; the last message of each is answered with ReadyForQuery. */
  exchanges(all: readonly Buffer[]): Promise<readonly Buffer[]> {
    return all.length === 0 ? Promise.resolve([]) : this.#askAll(Buffer.concat(all), all.length);
  }

  /** Sends messages of which the last is answered with ReadyForQuery. */
  exchange(messages: Buffer): Promise<Buffer> {
    return this.#ask(messages);
  }

  close(): void {
    this.#socket.destroy();
  }

  async #ask(bytes: Buffer): Promise<Buffer> {
    const answers = await this.#askAll(bytes, 1);
    return answers.length === 1 ? answers[0]! : Buffer.concat(answers);
  }

  #askAll(bytes: Buffer, answers: number): Promise<readonly Buffer[]> {
    return new Promise((resolve, reject) => {
      this.#waiting = { answers, resolve, reject };
      this.#socket.write(bytes);
    });
  }

  /** An answer ends with ReadyForQuery: six bytes, the last of all that was sent. */
  #check(): void {
    const last = this.#received.at(-1)!;
    if (last.length < 6 && this.#received.length > 1) this.#received = [Buffer.concat(this.#received)];
    const tail = this.#received.at(-1)!;
    const at = tail.length - 6;
    if (at < 0 || tail[at] !== READY_FOR_QUERY || tail.readInt32BE(at + 1) !== 5) return;
    const all = Buffer.concat(this.#received);
    const answers: Buffer[] = [];
    let start = 0;
    let end = 0;
    while (end + 5 <= all.length && end + 1 + all.readInt32BE(end + 1) <= all.length) {
      const isLast = all[end] === READY_FOR_QUERY;
      end += 1 + all.readInt32BE(end + 1);
      if (!isLast) continue;
      answers.push(all.subarray(start, end));
      start = end;
    }
    const waiting = this.#waiting;
    if (end !== all.length || waiting === undefined || answers.length < waiting.answers) return;
    this.#received = [];
    this.#waiting = undefined;
    waiting.resolve(answers);
  }
}
