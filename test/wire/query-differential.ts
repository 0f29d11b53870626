/**
 * Whole random queries (random-queries/query-generator.ts), half of them again and again (random-queries/repeats.ts), to this server, to PostgreSQL 18 within the process (PGlite), and to PostgreSQL 15 where it is
 * installed. Compared as the corpus is: columns, types, rows, tags, notices; of errors SQLSTATE, and with PostgreSQL 15 message,
 * detail, hint and position. Where the two versions differ, the older one is followed.
 */

import { PGlite } from '@electric-sql/pglite';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { printed } from '../scripts/corpus/corpus.ts';
import { codeOf, explanationOf } from './explained-differences.ts';
import { type PgServer, startPgServer } from './pg-server.ts';
import { type PostgresReference, startPostgres } from './postgres-reference.ts';
import { QueryGenerator } from './random-queries/query-generator.ts';
import { Repeats, type Step, simple } from './random-queries/repeats.ts';
import { RESTORE } from './random-queries/tables.ts';
import { isOrdered } from './row-order.ts';
import { RawPgClient } from './sql-differential.ts';

export interface QueryDifferentialOptions {
  readonly seed: number | string;
  readonly statements: number;
  /** Stops at so many differences. Default 1. */
  readonly differencesMax?: number;
  readonly progress?: (line: string) => void;
  /**
   * Which statements PostgreSQL 18 gets where 15 is installed, as it takes most of the time: each (the default), or those that 15 and this
   * server answer differently for no known reason, with what was written before them.
   */
  readonly newest?: 'each' | 'differing';
}

export interface QueryDifferentialReport {
  readonly compared: number;
  /** Refused by all alike. */
  readonly errors: number;
  readonly differences: readonly string[];
  /** How often the two versions of PostgreSQL differ. */
  readonly versions: number;
  readonly explained: Readonly<Record<string, number>>;
}

/** Statements after which what was written is as it was in the beginning. */
const STATEMENTS_PER_ROUND = 40;
const PROGRESS_STATEMENTS = 5_000;
/** What takes PostgreSQL 15 longer is not compared: there are queries that join products of all rows with each other, and PGlite cannot stop. */
const STATEMENT_MS_MAX = 30_000;
const TIMED_OUT = '57014';

/** Whether it joins queries in WITH, which may be products themselves, to two others without a condition. */
function isEndless(sql: string): boolean {
  return [...sql.matchAll(/join c\d s\d+ on true|(?:cross join|,) c\d s\d+/g)].length > 1;
}

export async function runQueryDifferential(options: QueryDifferentialOptions): Promise<QueryDifferentialReport> {
  const generator = new QueryGenerator(options.seed);
  const servers = await Servers.start(generator.setUp(), options.newest ?? 'each');
  try {
    return await compareQueries(generator, servers, options);
  } finally {
    await servers.stop();
  }
}

async function compareQueries(
  generator: QueryGenerator,
  servers: Servers,
  { seed, statements, differencesMax = 1, progress = () => {} }: QueryDifferentialOptions,
): Promise<QueryDifferentialReport> {
  const rounds = new Rounds(generator, seed);
  const differences: string[] = [];
  const explained: Record<string, number> = {};
  let [compared, errors, versions] = [0, 0, 0];
  /** Asked after what was written is as in the beginning; those after a difference once more. */
  let round: readonly Step[] = [];
  while (compared < statements && differences.length < differencesMax) {
    if (round.length === 0) round = rounds.next().slice(0, statements - compared);
    const answers = await servers.ask(RESTORED, round);
    let done = 0;
    for (const [i, step] of round.entries()) {
      done++;
      const verdict = await judged(step, answers[i]!, servers, [...RESTORED, ...round.slice(0, i)]);
      if (verdict.kind === 'timeOut') break;
      compared++;
      if (compared % PROGRESS_STATEMENTS === 0) progress(`${compared} statements, ${differences.length} differences`);
      if (verdict.isOfVersions) versions++;
      if (verdict.kind === 'same') {
        if (verdict.isError) errors++;
        continue;
      }
      if (verdict.why === undefined) differences.push(verdict.shown);
      else explained[verdict.why] = (explained[verdict.why] ?? 0) + 1;
      break;
    }
    // Those that follow the one that differed would differ for the same reason.
    while (done > 0 && done < round.length && round[done]!.following > 0) done++;
    round = round.slice(done);
  }
  return { compared, errors, differences, versions, explained };
}

/** Statements that each come once, or some of which each come again and again. */
class Rounds {
  readonly #generator: QueryGenerator;
  readonly #random: SeededRandom;
  readonly #repeats: Repeats;

  constructor(generator: QueryGenerator, seed: number | string) {
    this.#generator = generator;
    this.#random = new SeededRandom(`${seed} rounds`);
    this.#repeats = new Repeats(this.#random);
  }

  next(): readonly Step[] {
    const repeats = this.#random.chance(0.5);
    const steps: Step[] = [];
    /** Steps of the transaction that is open. */
    let open = 0;
    while (steps.length < STATEMENTS_PER_ROUND) {
      const sql = repeats ? this.#generator.statement() : this.#generator.next();
      if (isEndless(sql)) continue;
      if (sql.startsWith('begin')) open = 0;
      steps.push(...(repeats ? this.#repeats.of(sql) : [{ ...simple(sql), following: open }]));
      if (sql.startsWith('begin') || open > 0) open++;
      if (/^(commit|rollback|end)$/.test(sql)) open = 0;
    }
    return steps;
  }
}

const RESTORED: readonly Step[] = RESTORE.map((sql) => ({ ...simple(sql), following: 0 }));

type Verdict =
  | { readonly kind: 'timeOut' }
  | { readonly kind: 'same'; readonly isError: boolean; readonly isOfVersions: boolean }
  | {
      readonly kind: 'differs';
      readonly why: string | undefined;
      readonly shown: string;
      readonly isOfVersions: boolean;
    };

/** @param before What was asked before it, for a server that has not been asked yet. */
async function judged(step: Step, answer: Answer, servers: Servers, before: readonly Step[]): Promise<Verdict> {
  const { sql, following } = step;
  const ordered = isOrdered(sql);
  const full = answer.fifteen && printed(answer.fifteen, 'full', ordered);
  if (full !== undefined && codeOf(full) === TIMED_OUT) return { kind: 'timeOut' };
  const ours = printed(answer.ours, full === undefined ? 'brief' : 'full', ordered);
  const isError = codeOf(ours) !== undefined;
  if (answer.eighteen === undefined) {
    if (ours === full) return { kind: 'same', isError, isOfVersions: false };
    const why = explanationOf(sql, { theirs: full!, ours });
    if (why !== undefined) return { kind: 'differs', why, shown: '', isOfVersions: false };
  }
  const brief = printed(answer.ours, 'brief', ordered);
  const briefOf15 = answer.fifteen && printed(answer.fifteen, 'brief', ordered);
  const briefOf18 = printed(answer.eighteen ?? (await servers.askNewest(before, step)), 'brief', ordered);
  const isOfVersions = briefOf15 !== undefined && briefOf18 !== briefOf15;
  const theirs = full ?? briefOf18;
  if (ours === theirs && (brief === briefOf18 || isOfVersions)) return { kind: 'same', isError, isOfVersions };
  const why =
    isOfVersions && brief === briefOf18
      ? 'an answer of PostgreSQL 15 that 18 has mended'
      : explanationOf(sql, { theirs, ours });
  const asked = [...before.slice(before.length - following), step].map((each) => each.shown).join(';\n');
  const shown = `${asked}\n  PostgreSQL: ${indented(theirs)}\n  here:       ${indented(ours)}`;
  return { kind: 'differs', why, shown, isOfVersions };
}

function indented(text: string): string {
  const cut = text.length > 1_500 ? `${text.slice(0, 1_500)}…` : text;
  return cut.replaceAll('\n', '\n              ');
}

interface Answer {
  readonly ours: Buffer;
  /** Of PostgreSQL 15, where it is installed. */
  readonly fifteen: Buffer | undefined;
  /** Of PostgreSQL 18, where it gets each statement. */
  readonly eighteen: Buffer | undefined;
}

/** This server and those beside it, with the same tables. */
class Servers {
  readonly #setUp: readonly Step[];
  readonly #server: PgServer;
  readonly #client: RawPgClient;
  readonly #installed: PostgresReference | undefined;
  readonly #fifteen: RawPgClient | undefined;
  /** Only what PostgreSQL 15 and this server answer differently is asked. */
  readonly #isLate: boolean;
  #lite: PGlite | undefined;

  private constructor(
    setUp: readonly Step[],
    server: PgServer,
    client: RawPgClient,
    installed: PostgresReference | undefined,
    fifteen: RawPgClient | undefined,
    isLate: boolean,
  ) {
    this.#setUp = setUp;
    this.#server = server;
    this.#client = client;
    this.#installed = installed;
    this.#fifteen = fifteen;
    this.#isLate = isLate;
  }

  static async start(tables: readonly string[], newest: 'each' | 'differing'): Promise<Servers> {
    const setUp = ["set timezone = 'UTC'", 'set client_min_messages = warning', ...tables].map((sql) => ({
      ...simple(sql),
      following: 0,
    }));
    const server = await startPgServer();
    const client = await RawPgClient.connect(server.port);
    const installed = await startPostgres();
    const fifteen = installed && (await RawPgClient.connect(installed.config.port, installed.config.database));
    const isLate = newest === 'differing' && installed !== undefined;
    const servers = new Servers(setUp, server, client, installed, fifteen, isLate);
    // Compiling plans would take most of its time.
    await fifteen?.queries(['set jit = off', `set statement_timeout = ${STATEMENT_MS_MAX}`]);
    await servers.ask([], setUp);
    return servers;
  }

  /** The answers to `steps`, after `before`. */
  async ask(before: readonly Step[], steps: readonly Step[]): Promise<readonly Answer[]> {
    const all = [...before, ...steps];
    const messages = all.map(({ message }) => message);
    // At once, as going to and fro would take most of the time.
    const [ours, fifteen] = await Promise.all([this.#client.exchanges(messages), this.#fifteen?.exchanges(messages)]);
    const eighteen: Buffer[] = [];
    if (!this.#isLate) for (const step of all) eighteen.push(await this.#byLite(step));
    return ours
      .map((answer, i) => ({ ours: answer, fifteen: fifteen?.[i], eighteen: eighteen[i] }))
      .slice(before.length);
  }

  /** What PostgreSQL 18 answers after `before`. */
  async askNewest(before: readonly Step[], step: Step): Promise<Buffer> {
    if (this.#lite === undefined) for (const each of this.#setUp) await this.#byLite(each);
    for (const each of before) await this.#byLite(each);
    return await this.#byLite(step);
  }

  async #byLite({ message }: Step): Promise<Buffer> {
    this.#lite ??= await PGlite.create();
    return Buffer.from(await this.#lite.execProtocolRaw(message));
  }

  async stop(): Promise<void> {
    this.#client.close();
    this.#fifteen?.close();
    await this.#server.stop();
    await this.#installed?.stop();
    await this.#lite?.close();
  }
}
