/**
 * Queries over a table far larger than memory, in a server with a small limit: sorts, groups, joins, windows and a slow
 * reader of the whole table, each with its rows counted, while another connection reads single rows.
 *
 * What the kernel says was the most memory of the process (VmHWM) is compared with the limit, and how late the server's own
 * timers were with 50 ms: 99 of 100 are to be below, which takes a machine with nothing else to do. What single reads waited is
 * reported.
 */

import { mkdtemp, readdir, rm, statfs } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { ServerProcess } from '../support/server.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const ROWS = 10_000_000;
const LIMIT_MB = 512;
/** Half as much again as the limit, and what the runtime takes by itself. */
const PEAK_BYTES_MAX = 1.5 * LIMIT_MB * 1e6 + 150e6;
const PAD_CHARS = 440;
const COPY_ROWS = 10_000;
const DISK_BYTES_PER_ROW = 1_500;
/** What the slow reader takes a second, and how long it takes nothing at first. */
const SLOW_BYTES_PER_SECOND = 40e6;
const STALL_MS = 3_000;
const READ_EVERY_MS = 5;
const CANCEL_AFTER_MS = 5_000;
/** A bucket of the server's histogram of how late its timers were: one in a hundred may be more. */
const LATE_S = 0.05;
const LATE_SHARE_MAX = 0.01;

export async function queries({ count = ROWS, progress }: SoakOptions): Promise<SoakResult> {
  const problems: string[] = [];
  const dataDir = await mkdtemp(join(tmpdir(), 'orbit-queries-'));
  const { bavail, bsize } = await statfs(dataDir);
  if (bavail * bsize < count * DISK_BYTES_PER_ROW) throw new Error(`too little room in ${dataDir}`);
  const server = ServerProcess.spawn({
    dataDir,
    args: ['--memory-limit', `${LIMIT_MB}MB`, '--durability', 'process'],
  });
  const peak = async (): Promise<number> => (await server.memory())?.peakBytes ?? Number.NaN;
  let reader: PointReader | undefined;
  try {
    await server.ready;
    const port = server.port('postgres');
    const conversation = await Conversation.open(port);
    await conversation.run('create table items (id int primary key, k int, v int, pad text)');
    const began = performance.now();
    await load(conversation, count, (done) => progress(`loaded ${done.toLocaleString('en')} rows`));
    const loadedMs = performance.now() - began;
    progress(`loaded in ${seconds(loadedMs)}, peak ${megabytes(await peak())}`);

    reader = new PointReader(port, count);
    await reader.start();
    const lines: string[] = [];
    const ask = async (what: string, sql: string, check: (result: Answer) => string | undefined, slow = false) => {
      reader!.take();
      const lagBefore = await lagOf(server.port('metrics'));
      const start = performance.now();
      const result = await conversation.run(sql, slow);
      const tookMs = performance.now() - start;
      const wrong = result.error === undefined ? check(result) : `${result.error.code} ${result.error.message}`;
      if (wrong !== undefined) problems.push(`${what}: ${wrong}`);
      const reads = reader!.take();
      const line = `${what} ${seconds(tookMs)}`;
      lines.push(line);
      const lag = await lagOf(server.port('metrics'));
      const lateTimers = lag.late - lagBefore.late;
      if (lateTimers > LATE_SHARE_MAX * (lag.timers - lagBefore.timers)) {
        problems.push(
          `${what}: ${lateTimers} of ${lag.timers - lagBefore.timers} timers were more than ${LATE_S} s late`,
        );
      }
      progress(
        `${line}, peak ${megabytes(await peak())}, ${reads.count} single reads meanwhile: p50 ${reads.p50.toFixed(1)} ms, ` +
          `p99 ${reads.p99.toFixed(1)} ms, most ${reads.most.toFixed(1)} ms; timer late by at most ${lag.maxMs.toFixed(0)} ms, ${lateTimers} of ${lag.timers - lagBefore.timers} by more than ${LATE_S} s`,
      );
    };
    const counted = (rows: number) => (result: Answer) =>
      result.rows === rows ? undefined : `${result.rows} rows, not ${rows}`;
    const value = (wanted: string) => (result: Answer) =>
      result.last.join() === wanted ? undefined : `answered ${result.last.join()}, not ${wanted}`;
    const groups = Math.ceil(count / 2);

    await ask('sort', 'select k, id from items order by k, id', (result) =>
      result.inOrder ? counted(count)(result) : 'rows are not in order',
    );
    await ask('select * to a slow client', 'select * from items', counted(count), true);
    await ask(
      'group by',
      'select count(*), sum(n) from (select k, count(*) as n from items group by k) g',
      value(`${groups},${count}`),
    );
    await ask('count(distinct)', 'select count(distinct k) from items', value(String(groups)));
    await ask('distinct', 'select distinct k from items', counted(groups));
    await ask('join', 'select count(*) from items a join items b on b.v = a.v', value(String(count)));
    await ask(
      'window',
      'select count(*), max(n) from (select row_number() over (order by v) as n from items) w',
      value(`${count},${count}`),
    );
    await ask(
      'cartesian join',
      'select count(*) from (select id from items where id < 3000) a, (select id from items where id < 3000) b',
      value('9000000'),
    );

    // One that would never end.
    const endless = conversation.run('select count(*) from items a, items b where a.v + b.v < 0');
    await new Promise((resolve) => setTimeout(resolve, CANCEL_AFTER_MS));
    const cancelled = performance.now();
    await conversation.cancel();
    const ended = await endless;
    const cancelMs = performance.now() - cancelled;
    if (ended.error?.code !== '57014' && ended.error?.code !== '53200') {
      problems.push(`the endless join answered ${ended.error?.code ?? ended.tag}`);
    }
    progress(`an endless join was cancelled within ${cancelMs.toFixed(0)} ms, peak ${megabytes(await peak())}`);
    const reads = reader.all();
    await reader.stop();
    problems.push(...reader.problems);
    conversation.close();
    const left = await readdir(join(dataDir, '.temporary')).catch(() => []);
    if (left.length > 0) problems.push(`temporary files are left: ${left.join()}`);
    const highest = await peak();
    if (highest >= PEAK_BYTES_MAX) {
      problems.push(`the server used ${megabytes(highest)}; it may use ${megabytes(PEAK_BYTES_MAX)}`);
    }
    const code = await server.stop();
    if (code !== 0) problems.push(`the server ended with ${code}\n${server.stderr}`);
    return {
      problems,
      line:
        `${count.toLocaleString('en')} rows of ${PAD_CHARS + 30} bytes under a limit of ${LIMIT_MB} MB: peak ${megabytes(highest)} ` +
        `of ${megabytes(PEAK_BYTES_MAX)} allowed; ${lines.join(', ')}; an endless join cancelled within ${cancelMs.toFixed(0)} ms; ` +
        `${reads.count.toLocaleString('en')} single reads by another client: p50 ${reads.p50.toFixed(1)} ms, p99 ${reads.p99.toFixed(1)} ms`,
    };
  } catch (error) {
    problems.push(`${error instanceof Error ? error.stack : error}\n${server.stderr}`);
    return { problems, line: `stopped with a peak of ${megabytes(await peak())}` };
  } finally {
    await reader?.stop().catch(() => {});
    await server.kill();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** v is a permutation of 0 to count - 1; two rows share each k. */
async function load(conversation: Conversation, count: number, report: (done: number) => void): Promise<void> {
  let stride = 7_368_787 % count;
  while (greatestDivisor(stride, count) !== 1) stride++;
  const pad = 'abcdefghijklmnopqrstuvwxyz0123456789'.repeat(20);
  const step = Math.ceil(count / 10);
  for (let from = 0; from < count; from += COPY_ROWS) {
    const to = Math.min(from + COPY_ROWS, count);
    const lines: string[] = [];
    for (let id = from; id < to; id++) {
      const v = Number((BigInt(id) * BigInt(stride)) % BigInt(count));
      lines.push(`${id}\t${v >> 1}\t${v}\t${pad.slice(id % 36, (id % 36) + PAD_CHARS)}\n`);
    }
    const result = await conversation.copy('copy items from stdin', lines.join(''));
    if (result.error !== undefined) throw new Error(`COPY answered ${result.error.message}`);
    if (Math.floor(to / step) > Math.floor(from / step)) report(to);
  }
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

interface Answer {
  rows: number;
  /** Values of the last row. */
  last: readonly string[];
  /** By the first two columns, as numbers. */
  inOrder: boolean;
  tag: string;
  error: { readonly code: string; readonly message: string } | undefined;
}

/** A connection that counts rows instead of keeping them, and reads as slowly as it is told. */
class Conversation {
  readonly #socket: Socket;
  readonly #port: number;
  #rest: Buffer = Buffer.alloc(0);
  #answer: Answer = emptyAnswer();
  #before: readonly [number, number] = [Number.NEGATIVE_INFINITY, 0];
  #ready = Promise.withResolvers<void>();
  #copying: (() => void) | undefined;
  #key: Buffer | undefined;
  #slowSince: number | undefined;
  #slowBytes = 0;

  private constructor(port: number) {
    this.#port = port;
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (chunk) => this.#read(chunk));
    this.#socket.on('error', (error) => this.#ready.reject(error));
    this.#socket.on('close', () => this.#ready.reject(new Error(`closed: ${this.#answer.error?.message}`)));
  }

  static async open(port: number): Promise<Conversation> {
    const made = new Conversation(port);
    const body = Buffer.from('\0\x03\0\0user\0orbit\0database\0actors\0\0', 'latin1');
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length + 4);
    made.#socket.write(Buffer.concat([length, body]));
    await made.#ready.promise;
    return made;
  }

  async run(sql: string, slow = false): Promise<Answer> {
    this.#begin();
    if (slow) {
      this.#slowSince = performance.now() + STALL_MS;
      this.#slowBytes = 0;
      this.#socket.pause();
      setTimeout(() => this.#socket.resume(), STALL_MS);
    }
    this.#send('Q', Buffer.from(`${sql}\0`));
    await this.#ready.promise;
    this.#slowSince = undefined;
    return this.#answer;
  }

  async copy(sql: string, data: string): Promise<Answer> {
    this.#begin();
    this.#copying = () => {
      this.#send('d', Buffer.from(data));
      this.#send('c', Buffer.alloc(0));
    };
    this.#send('Q', Buffer.from(`${sql}\0`));
    await this.#ready.promise;
    return this.#answer;
  }

  async cancel(): Promise<void> {
    const request = Buffer.alloc(16);
    request.writeInt32BE(16, 0);
    request.writeInt32BE(80_877_102, 4);
    this.#key!.copy(request, 8);
    const socket = connect(this.#port, '127.0.0.1');
    await new Promise<void>((resolve) => {
      socket.on('close', () => resolve());
      socket.on('error', () => resolve());
      socket.resume();
      socket.end(request);
    });
  }

  close(): void {
    this.#ready.promise.catch(() => {});
    this.#socket.destroy();
  }

  #begin(): void {
    this.#ready = Promise.withResolvers();
    this.#answer = emptyAnswer();
    this.#before = [Number.NEGATIVE_INFINITY, 0];
  }

  #send(type: string, body: Buffer): void {
    const head = Buffer.alloc(5);
    head.write(type, 'latin1');
    head.writeInt32BE(body.length + 4, 1);
    this.#socket.write(head);
    this.#socket.write(body);
  }

  #read(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at + 5 <= this.#rest.length) {
      const end = at + 1 + this.#rest.readInt32BE(at + 1);
      if (end > this.#rest.length) break;
      this.#message(this.#rest[at]!, this.#rest.subarray(at + 5, end));
      at = end;
    }
    this.#rest = this.#rest.subarray(at);
    if (this.#slowSince === undefined) return;
    this.#slowBytes += chunk.length;
    const dueMs = this.#slowSince + (this.#slowBytes / SLOW_BYTES_PER_SECOND) * 1_000 - performance.now();
    if (dueMs < 5) return;
    this.#socket.pause();
    setTimeout(() => this.#socket.resume(), dueMs);
  }

  #message(type: number, body: Buffer): void {
    switch (String.fromCharCode(type)) {
      case 'D':
        this.#row(body);
        break;
      case 'C':
        this.#answer.tag = body.toString('utf8', 0, body.length - 1);
        break;
      case 'E': {
        const fields = new Map(
          body
            .toString('utf8')
            .split('\0')
            .map((each) => [each[0], each.slice(1)]),
        );
        this.#answer.error = { code: fields.get('C') ?? '', message: fields.get('M') ?? '' };
        break;
      }
      case 'K':
        this.#key = Buffer.from(body);
        break;
      case 'G':
        this.#copying?.();
        break;
      case 'Z':
        this.#ready.resolve();
        break;
    }
  }

  #row(body: Buffer): void {
    const answer = this.#answer;
    answer.rows++;
    const values: string[] = [];
    let at = 2;
    for (let i = 0; i < Math.min(2, body.readInt16BE(0)); i++) {
      const length = body.readInt32BE(at);
      values.push(length < 0 ? 'null' : body.latin1Slice(at + 4, at + 4 + length));
      at += 4 + Math.max(0, length);
    }
    answer.last = values;
    const [first, second] = [Number(values[0]), Number(values[1] ?? 0)];
    const [beforeFirst, beforeSecond] = this.#before;
    if (first < beforeFirst || (first === beforeFirst && second <= beforeSecond)) answer.inOrder = false;
    this.#before = [first, second];
  }
}

function emptyAnswer(): Answer {
  return { rows: 0, last: [], inOrder: true, tag: '', error: undefined };
}

interface Waits {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

/** Reads single rows one after another, and notes how long each took. */
class PointReader {
  readonly problems: string[] = [];
  readonly #client: pg.Client;
  readonly #count: number;
  #all: number[] = [];
  #since: number[] = [];
  #stopped = false;
  #running: Promise<void> | undefined;

  constructor(port: number, count: number) {
    this.#client = new pg.Client({ host: '127.0.0.1', port, user: 'orbit', database: 'actors' });
    this.#client.on('error', () => {});
    this.#count = count;
  }

  async start(): Promise<void> {
    await this.#client.connect();
    this.#running = this.#run();
  }

  /** What was waited since the last call. */
  take(): Waits {
    const taken = waitsOf(this.#since);
    this.#since = [];
    return taken;
  }

  all(): Waits {
    return waitsOf(this.#all);
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.#running;
    await this.#client.end();
  }

  async #run(): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const id = (i * 7_919) % this.#count;
      const start = performance.now();
      try {
        const { rows } = await this.#client.query('select id from items where id = $1', [id]);
        if (rows.length !== 1 || rows[0].id !== id)
          this.problems.push(`a single read of ${id} gave ${JSON.stringify(rows)}`);
      } catch (error) {
        this.problems.push(`a single read failed: ${error instanceof Error ? error.message : error}`);
        return;
      }
      const tookMs = performance.now() - start;
      this.#all.push(tookMs);
      this.#since.push(tookMs);
      await new Promise((resolve) => setTimeout(resolve, READ_EVERY_MS));
    }
  }
}

function waitsOf(given: readonly number[]): Waits {
  const sorted = [...given].sort((a, b) => a - b);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), most: sorted.at(-1) ?? Number.NaN };
}

interface Lag {
  /** Of the server's own timers since this was asked last. */
  readonly maxMs: number;
  /** Since the start: how many there were, and how many of them were more than `LATE_S` late. */
  readonly timers: number;
  readonly late: number;
}

async function lagOf(port: number): Promise<Lag> {
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const figure = (name: string): number => {
    const line = page.split('\n').find((each) => each.startsWith(`${name} `));
    if (line === undefined) throw new Error(`no ${name} among the metrics`);
    return Number(line.slice(name.length + 1));
  };
  const timers = figure('orbit_event_loop_lag_histogram_seconds_count');
  return {
    maxMs: figure('orbit_event_loop_lag_max_seconds') * 1_000,
    timers,
    late: timers - figure(`orbit_event_loop_lag_histogram_seconds_bucket{le="${LATE_S}"}`),
  };
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
