/**
 * Whole random queries (query-generator.ts) to this server, to PostgreSQL 18 within the process (PGlite), and to PostgreSQL 15 where it is
 * installed. Compared as the corpus is: columns, types, rows, tags, notices; of errors SQLSTATE, and with PostgreSQL 15 message,
 * detail, hint and position. Where the two versions differ, the older one is followed.
 */

import { PGlite } from '@electric-sql/pglite';
import { printed, queryMessage } from '../scripts/corpus/corpus.ts';
import { startPgServer } from './pg-server.ts';
import { startPostgres } from './postgres-reference.ts';
import { QueryGenerator } from './query-generator.ts';
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
   * server answer differently, with what was written before them.
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
const STATEMENTS_PER_TABLE = 40;
const PROGRESS_STATEMENTS = 5_000;
/** What takes PostgreSQL 15 longer is not compared: there are queries that join products of all rows with each other, and PGlite cannot stop. */
const STATEMENT_MS_MAX = 30_000;
const TIMED_OUT = '57014';

/** Whether it joins queries in WITH, which may be products themselves, to two others without a condition. */
function isEndless(sql: string): boolean {
  return [...sql.matchAll(/join c\d s\d+ on true|cross join c\d/g)].length > 1;
}

interface Answers {
  readonly theirs: string;
  readonly ours: string;
}

/** Differences that are meant; docs/sql.md tells of them. */
const EXPLAINED: readonly { readonly why: string; applies(sql: string, answers: Answers): boolean }[] = [
  {
    why: 'of several mistakes PostgreSQL 15 tells first of a query in FROM without a name, which is one of grammar there',
    applies: (_, { theirs, ours }) => /must have an alias/.test(theirs) && codeOf(ours) !== undefined,
  },
  {
    why: 'no hint that another part of a set operation has a column of the name',
    applies: (_, { theirs, ours }) =>
      codeOf(theirs) === '42703' &&
      theirs.replace(
        / H:There is a column named ".*?" in table "\*SELECT\* \d+", but it cannot be referenced from this part of the query\./,
        '',
      ) === ours,
  },
  {
    why: 'PostgreSQL failed by a mistake of its own',
    applies: (_, { theirs }) => codeOf(theirs) === 'XX000',
  },
  {
    why: 'more than one operator may hold, where nothing can go into files',
    applies: (_, { ours }) => codeOf(ours) === '53200',
  },
  {
    why: 'another of several columns that are not grouped',
    applies: (_, { theirs, ours }) =>
      [theirs, ours].every((answer) => /^E C:42803 M:(subquery uses un|column .* must appear)/.test(answer)),
  },
  {
    why: 'another of several rows that break the same rule',
    applies: (_, { theirs, ours }) => codeOf(theirs) === '23505' && withoutKey(theirs) === withoutKey(ours),
  },
  {
    why: 'an error of values in rows that only one of both looked at, or two errors of which each named one',
    applies: (_, { theirs, ours }) => {
      const [a, b] = [codeOf(theirs), codeOf(ours)];
      if (a === undefined && b === undefined) return false;
      return [a, b].every((code) => code === undefined || /^(22|21)/.test(code)) && a !== b;
    },
  },
];

function withoutKey(answer: string): string {
  return answer.replace(/=\(.*\) already exists/, '');
}

function codeOf(answer: string): string | undefined {
  return /^E C?:?(\w{5})/m.exec(answer)?.[1];
}

export async function runQueryDifferential(options: QueryDifferentialOptions): Promise<QueryDifferentialReport> {
  const { seed, statements, differencesMax = 1, progress = () => {}, newest = 'each' } = options;
  const server = await startPgServer();
  const client = await RawPgClient.connect(server.port);
  const installed = await startPostgres();
  const isLate = newest === 'differing' && installed !== undefined;
  let lite = isLate ? undefined : await PGlite.create();
  const other = installed && (await RawPgClient.connect(installed.config.port, installed.config.database));
  const byLite = async (sql: string): Promise<Buffer> => Buffer.from(await lite!.execProtocolRaw(queryMessage(sql)));
  const setUp: string[] = [];
  /** Since what is written was as in the beginning. */
  let asked: string[] = [];
  const afterAll = async (sql: string): Promise<Buffer> => {
    if (lite === undefined) {
      lite = await PGlite.create();
      for (const each of setUp) await byLite(each);
    }
    for (const each of [...generator.restore(), ...asked]) await byLite(each);
    return await byLite(sql);
  };
  const everywhere = async (sql: string): Promise<void> => {
    if (!isLate) await byLite(sql);
    await other?.query(sql);
    await client.query(sql);
  };
  const generator = new QueryGenerator(seed);
  const differences: string[] = [];
  const explained: Record<string, number> = {};
  let [compared, errors, versions] = [0, 0, 0];
  try {
    setUp.push("set timezone = 'UTC'", 'set client_min_messages = warning', ...generator.setUp());
    // Compiling plans would take most of its time.
    await other?.query('set jit = off');
    await other?.query(`set statement_timeout = ${STATEMENT_MS_MAX}`);
    for (const sql of setUp) await everywhere(sql);
    while (compared < statements && differences.length < differencesMax) {
      if (compared % STATEMENTS_PER_TABLE === 0) {
        for (const sql of generator.restore()) await everywhere(sql);
        asked = [];
      }
      const sql = generator.next();
      if (isEndless(sql)) continue;
      const ordered = isOrdered(sql);
      const [early, answerOfOther, answer] = [
        isLate ? undefined : await byLite(sql),
        await other?.query(sql),
        await client.query(sql),
      ];
      compared++;
      if (compared % PROGRESS_STATEMENTS === 0) progress(`${compared} statements, ${differences.length} differences`);
      const brief = printed(answer, 'brief', ordered);
      const briefOfOther = answerOfOther && printed(answerOfOther, 'brief', ordered);
      const full = answerOfOther && printed(answerOfOther, 'full', ordered);
      const ours = printed(answer, full === undefined ? 'brief' : 'full', ordered);
      if (isLate && ours === full) {
        if (codeOf(brief) !== undefined) errors++;
        asked.push(sql);
        continue;
      }
      if (codeOf(full ?? '') === TIMED_OUT) {
        for (const each of generator.restore()) await everywhere(each);
        asked = [];
        compared--;
        continue;
      }
      const briefOfLite = printed(early ?? (await afterAll(sql)), 'brief', ordered);
      const isSameEverywhere = briefOfOther === undefined || briefOfLite === briefOfOther;
      if (!isSameEverywhere) versions++;
      const theirs = full ?? briefOfLite;
      if (ours === theirs && (brief === briefOfLite || !isSameEverywhere)) {
        if (codeOf(brief) !== undefined) errors++;
        continue;
      }
      const why =
        !isSameEverywhere && brief === briefOfLite
          ? 'an answer of PostgreSQL 15 that 18 has mended'
          : EXPLAINED.find((each) => each.applies(sql, { theirs, ours }))?.why;
      if (why === undefined)
        differences.push(`${sql}\n  PostgreSQL: ${indented(theirs)}\n  here:       ${indented(ours)}`);
      else explained[why] = (explained[why] ?? 0) + 1;
      for (const each of generator.restore()) await everywhere(each);
      asked = [];
    }
  } finally {
    client.close();
    other?.close();
    await server.stop();
    await installed?.stop();
    await lite?.close();
  }
  return { compared, errors, differences, versions, explained };
}

function indented(text: string): string {
  const cut = text.length > 1_500 ? `${text.slice(0, 1_500)}…` : text;
  return cut.replaceAll('\n', '\n              ');
}
