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
  const { seed, statements, differencesMax = 1, progress = () => {} } = options;
  const server = await startPgServer();
  const client = await RawPgClient.connect(server.port);
  const lite = await PGlite.create();
  const installed = await startPostgres();
  const other = installed && (await RawPgClient.connect(installed.config.port, installed.config.database));
  const byLite = async (sql: string): Promise<Buffer> => Buffer.from(await lite.execProtocolRaw(queryMessage(sql)));
  const everywhere = async (sql: string): Promise<void> => {
    await byLite(sql);
    await other?.query(sql);
    await client.query(sql);
  };
  const generator = new QueryGenerator(seed);
  const differences: string[] = [];
  const explained: Record<string, number> = {};
  let [compared, errors, versions] = [0, 0, 0];
  try {
    await everywhere("set timezone = 'UTC'");
    await everywhere('set client_min_messages = warning');
    for (const sql of generator.setUp()) await everywhere(sql);
    while (compared < statements && differences.length < differencesMax) {
      if (compared % STATEMENTS_PER_TABLE === 0) for (const sql of generator.restore()) await everywhere(sql);
      const sql = generator.next();
      const ordered = isOrdered(sql);
      const [answerOfLite, answerOfOther, answer] = [
        await byLite(sql),
        await other?.query(sql),
        await client.query(sql),
      ];
      compared++;
      if (compared % PROGRESS_STATEMENTS === 0) progress(`${compared} statements, ${differences.length} differences`);
      const brief = printed(answer, 'brief', ordered);
      const briefOfLite = printed(answerOfLite, 'brief', ordered);
      const briefOfOther = answerOfOther && printed(answerOfOther, 'brief', ordered);
      const isSameEverywhere = briefOfOther === undefined || briefOfLite === briefOfOther;
      if (!isSameEverywhere) versions++;
      const full = answerOfOther && printed(answerOfOther, 'full', ordered);
      const ours = printed(answer, full === undefined ? 'brief' : 'full', ordered);
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
    }
  } finally {
    client.close();
    other?.close();
    await server.stop();
    await installed?.stop();
    await lite.close();
  }
  return { compared, errors, differences, versions, explained };
}

function indented(text: string): string {
  const cut = text.length > 1_500 ? `${text.slice(0, 1_500)}…` : text;
  return cut.replaceAll('\n', '\n              ');
}
