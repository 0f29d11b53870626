/**
 * The table of functions in docs/sql-functions.md is true: what it says is there can be called, what it says is not there is not, and every
 * function of PostgreSQL 15's that its manual tells of is in one of the two columns.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isAggregate } from '../../src/query/sql/functions/aggregates.ts';
import { FUNCTIONS } from '../../src/query/sql/functions/directories.ts';
import { isHypotheticalSet } from '../../src/query/sql/functions/hypothetical-aggregates.ts';
import { WINDOW_FUNCTIONS } from '../../src/query/sql/operators/window-functions.ts';
import { ROOT } from '../support/server.ts';
import { type PostgresReference, postgresBinaries, startPostgres } from './postgres-reference.ts';

function columns(): { readonly there: readonly string[]; readonly missing: readonly string[] } {
  const text = readFileSync(join(ROOT, 'docs/sql-functions.md'), 'utf8');
  const rows = text.split('\n').filter((line) => line.startsWith('| 9.'));
  const names = (column: number): string[] =>
    rows.flatMap((row) => {
      const cell = row.split(/(?<!\\)\|/)[column] ?? '';
      // Types and operators stand in the same columns.
      return [...cell.matchAll(/`([a-z][a-z0-9_]+)`/g)].map((match) => match[1]!).filter((name) => !TYPES.has(name));
    });
  return { there: names(2), missing: names(3) };
}

const TYPES: ReadonlySet<string> = new Set(['numeric', 'inet', 'cidr', 'macaddr', 'macaddr8']);

const isThere = (name: string): boolean =>
  FUNCTIONS.has(name) || isAggregate(name) || isHypotheticalSet(name) || WINDOW_FUNCTIONS.has(name);

/** Of `pg_proc`, what chapter 9 does not tell of: what reads statistics, and what stands behind types, operators, indexes and system views. */
const ELSEWHERE = new RegExp(
  `^(${[
    'binary_upgrade_.*|pg_stat_.*|lo_.*|loread|lowrite|.*_validator|.*multirange|.*range|.*range_canonical|.*range_subdiff',
    'd(exp|log1|log10|round|trunc)|enum_(out|send)|shell_out|int4inc|int8_sum|numeric_.*|similar.*_escape|(not)?like|like_escape|overlaps',
    'amvalidate|bit|bool|bpchar|char|cidr|date|extract|float[48]|int[248]|interval|macaddr8?|money|name|nameconcatoid|numeric|oid|oidvectortypes',
    'pg_lsn|regclass|text|textlen|time|timestamp(tz)?|timetz|varbit|varchar|xid|pow|is_normalized|currtid2|cash_words|current_user|session_user',
    'getpgusername|getdatabaseencoding|pg_encoding_max_length|pg_available_extension.*|pg_extension_.*|pg_config|pg_cursor|pg_get_.*',
    'pg_hba_file_rules|pg_ident_file_mappings|pg_lock_status|pg_prepared_.*|pg_show_.*|pg_timezone_.*|pg_sequence_.*|pg_.*_is_updatable',
    'pg_indexam_progress_phasename|pg_isolation_test.*|pg_nextoid|pg_.*_old|pg_relation_is_publishable|pg_stop_making.*|satisfies_hash_partition',
  ].join('|')})$`,
);

test('what the table has on either side is there, and is not', () => {
  const { there, missing } = columns();
  expect(there.length).toBeGreaterThan(350);
  expect(there.filter((name) => !isThere(name))).toEqual([]);
  expect(missing.filter(isThere)).toEqual([]);
  const all = [...there, ...missing];
  expect(all.filter((name, i) => all.indexOf(name) < i)).toEqual([]);
});

describe.skipIf(postgresBinaries() === undefined)('beside PostgreSQL 15', () => {
  let reference: PostgresReference;
  let client: pg.Client;

  beforeAll(async () => {
    reference = (await startPostgres())!;
    client = new pg.Client(reference.config);
    await client.connect();
  }, 120_000);

  afterAll(async () => {
    await client?.end();
    await reference?.stop();
  });

  test('every function that people call is in the table, and the table has no others', async () => {
    const { rows } = await client.query<{ proname: string; supports: boolean }>(
      `select proname, bool_and(p.oid in (
           select oprcode::oid from pg_operator union select oprrest from pg_operator union select oprjoin from pg_operator
           union select typinput from pg_type union select typoutput from pg_type union select typreceive from pg_type
           union select typsend from pg_type union select typmodin from pg_type union select typmodout from pg_type
           union select typanalyze from pg_type union select typsubscript from pg_type union select amproc from pg_amproc
           union select amhandler from pg_am union select conproc from pg_conversion union select prosupport from pg_proc
           union select aggtransfn from pg_aggregate union select aggfinalfn from pg_aggregate
           union select aggcombinefn from pg_aggregate union select aggserialfn from pg_aggregate
           union select aggdeserialfn from pg_aggregate union select aggmtransfn from pg_aggregate
           union select aggminvtransfn from pg_aggregate union select aggmfinalfn from pg_aggregate)
           or prorettype in ('internal'::regtype, 'language_handler'::regtype, 'fdw_handler'::regtype,
             'trigger'::regtype, 'index_am_handler'::regtype, 'tsm_handler'::regtype, 'table_am_handler'::regtype)
           or proargtypes::oid[] && array['internal', 'cstring']::regtype[]::oid[]) as supports
         from pg_proc p where pronamespace = 'pg_catalog'::regnamespace group by proname`,
    );
    const { there, missing } = columns();
    const told = new Set([...there, ...missing]);
    const theirs = new Set(rows.map((row) => row.proname));
    expect(
      rows.flatMap(({ proname, supports }) =>
        supports || told.has(proname) || ELSEWHERE.test(proname) ? [] : [proname],
      ),
    ).toEqual([]);
    expect([...told].filter((name) => !theirs.has(name))).toEqual([]);
  });
});
