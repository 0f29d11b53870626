/**
 * Run-time parameters beside PostgreSQL 15: what pg_settings says of them, and what becomes of good and bad values. Skipped where
 * it is not installed.
 */

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFINITIONS } from '../../src/query/sql/parameter-definitions.ts';
import { type PgServer, startPgServer } from './pg-server.ts';
import { type PostgresReference, postgresBinaries, startPostgres } from './postgres-reference.ts';

const VALUES =
  `on|off|maybe|T|yes|0|1|-1|2|5|5.5|2.5|1e3|0x10|010|.5|1e400|nan|64kB|1MB|1.5MB|1000 MB|3TB|10s|2min|90 min|1.5 h|700us
|2d|1 XB|10 S|8kB|abc|99999999999|2147483648|20000| 7 |1 2|C`.split(/[|\n]/);

/** Of them PostgreSQL knows more, or other values are the ones they begin with; docs/postgresql.md says which. */
const OWN_DEFAULTS = new Set([
  'jit',
  'client_encoding',
  'TimeZone',
  'server_encoding',
  'in_hot_standby',
  'is_superuser',
]);
/** Take any text, or more than is built; one ends the connection with the first mistake. */
const TEXTS = new Set([
  'exit_on_error',
  'application_name',
  'client_encoding',
  'lc_messages',
  'lc_monetary',
  'lc_numeric',
  'TimeZone',
  'lc_time',
]);

interface Facts {
  readonly name: string;
  readonly vartype: string;
  readonly boot_val: string;
}

describe.skipIf(postgresBinaries() === undefined)('beside PostgreSQL', () => {
  let server: PgServer;
  let peer: PostgresReference;
  let ours: pg.Client;
  let theirs: pg.Client;

  beforeAll(async () => {
    server = await startPgServer();
    peer = (await startPostgres())!;
    ours = new pg.Client(server.config);
    theirs = new pg.Client(peer.config);
    await Promise.all([ours.connect(), theirs.connect()]);
  }, 120_000);

  afterAll(async () => {
    await ours?.end();
    await theirs?.end();
    await peer?.stop();
    await server?.stop();
  });

  const settings = async (client: pg.Client): Promise<Map<string, Facts>> => {
    const { rows } = await client.query(
      'select name, vartype, unit, min_val, max_val, enumvals, boot_val from pg_settings order by name',
    );
    return new Map(rows.map((row) => [row.name, row]));
  };

  const changeable = () => DEFINITIONS.filter(({ parse }) => parse !== undefined);

  /** What the parameter is afterwards, or what was wrong. */
  const give = async (client: pg.Client, name: string, value: string): Promise<string> => {
    try {
      const { rows } = await client.query({
        name: 'give',
        text: 'select set_config($1, $2, true)',
        values: [name, value],
      });
      return rows[0].set_config;
    } catch (error) {
      const { code, message, hint, detail } = error as pg.DatabaseError;
      return [code, message, hint, detail].join(' / ');
    }
  };

  test('types, units, bounds and words are the same', async () => {
    const known = await settings(theirs);
    const here = await settings(ours);
    for (const { name } of changeable()) {
      const expected = known.get(name);
      expect(expected, name).toBeDefined();
      const own = OWN_DEFAULTS.has(name) || expected!.vartype === 'string';
      expect(here.get(name)).toEqual(own ? { ...expected, boot_val: here.get(name)!.boot_val } : expected);
    }
  });

  test('values are taken, shown and refused alike', async () => {
    const differences: string[] = [];
    let compared = 0;
    for (const { name, facts } of changeable()) {
      if (TEXTS.has(name)) continue;
      const words = facts?.words ?? [];
      for (const value of [...VALUES, ...words, ...words.map((word) => word.toUpperCase())]) {
        const [here, there] = await Promise.all([give(ours, name, value), give(theirs, name, value)]);
        compared++;
        // What is not built says so.
        if (here === there || here.startsWith('0A000 /')) continue;
        differences.push(`${name} = ${value}: ${here} <> ${there}`);
      }
    }
    expect(compared).toBeGreaterThan(3_000);
    expect(differences).toEqual([]);
  }, 240_000);

  test('what is not built is refused, and nothing else', async () => {
    const refused: string[] = [];
    for (const { name, facts } of changeable()) {
      for (const value of facts?.words ?? (facts?.type === 'bool' ? ['on', 'off'] : [])) {
        if ((await give(ours, name, value)).startsWith('0A000 /')) refused.push(`${name}=${value}`);
      }
    }
    expect(refused).toMatchInlineSnapshot(`
      [
        "allow_system_table_mods=on",
        "array_nulls=off",
        "backslash_quote=off",
        "exit_on_error=on",
        "password_encryption=md5",
        "quote_all_identifiers=on",
        "session_replication_role=replica",
        "standard_conforming_strings=off",
        "track_activities=off",
        "transform_null_equals=on",
      ]
    `);
    await expect(ours.query("set lc_time = 'de_DE.UTF-8'")).rejects.toMatchObject({ code: '0A000' });
  });
});

test('a session may be asked to be who it is, and nobody else', async () => {
  const server = await startPgServer();
  const client = new pg.Client(server.config);
  await client.connect();
  const role = async () => (await client.query('show role')).rows[0].role;
  try {
    expect(await role()).toBe('none');
    await client.query('begin; set local role orbit');
    expect(await role()).toBe('orbit');
    await client.query('commit');
    expect(await role()).toBe('none');
    for (const text of [
      'set role none',
      'reset role',
      'set session authorization default',
      'set session authorization orbit',
      'reset session authorization',
      "select set_config('role', 'none', false)",
    ]) {
      await client.query(text);
    }
    for (const text of [
      'set role nobody',
      'set session authorization nobody',
      "select set_config('role', 'nobody', false)",
    ]) {
      await expect(client.query(text), text).rejects.toMatchObject({
        code: '22023',
        message: 'role "nobody" does not exist',
      });
    }
    expect((await client.query('select current_user as u')).rows).toEqual([{ u: 'orbit' }]);
  } finally {
    await client.end();
    await server.stop();
  }
});
