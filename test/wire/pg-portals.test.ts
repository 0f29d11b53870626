/**
 * Prepared statements and portals by both ways of making them, SQL and the protocol, in one session: each sees what the
 * other has made, and PostgreSQL 15, where it is installed, answers the same.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  bind as bindValues,
  closePortal,
  describePortal,
  describeStatement,
  execute,
  message,
  parse,
  query,
  sync,
  text,
} from './frontend-messages.ts';
import { type PgServer, startPgServer } from './pg-server.ts';
import { type PostgresReference, postgresBinaries, startPostgres } from './postgres-reference.ts';
import { RawPgClient, shown } from './sql-differential.ts';

const bind = (portal: string, statement: string, ...values: readonly string[]): Buffer =>
  bindValues(portal, statement, values);

/** Each step is answered before the next is sent. */
const CONVERSATIONS: Readonly<Record<string, readonly (readonly Buffer[])[]>> = {
  'a statement prepared by SQL is bound by the protocol': [
    [query('prepare p (int) as select id, v from t where id < $1 order by id')],
    [describeStatement('p'), bind('', 'p', '3'), describePortal(''), execute(''), sync],
    [parse('p', 'select 1'), sync],
    [message('C', Buffer.from('S'), text('p')), sync],
    [query('execute p (1)')],
  ],
  'a statement prepared by the protocol is run by EXECUTE': [
    [parse('q', 'select $1::int + 1 as next'), sync],
    [query('execute q (41)')],
    [query("select name, statement, parameter_types, from_sql from pg_prepared_statements where name = 'q'")],
    [query('prepare q as select 1')],
    [query('deallocate q')],
    [bind('', 'q', '1'), sync],
  ],
  'EXECUTE in the extended protocol tells its columns and stops at its row limit': [
    [query('prepare p as select id from t order by id')],
    [query('begin')],
    [parse('', 'execute p'), describeStatement(''), bind('x', ''), describePortal('x'), execute('x', 2), sync],
    [execute('x', 2), sync],
    [execute('x'), sync],
    [parse('', 'execute nope'), sync],
    [query('rollback')],
  ],
  'a cursor of DECLARE is executed by the protocol, and a portal of it is fetched from': [
    [query('begin')],
    [query('declare c no scroll cursor for select id from t order by id')],
    [query('fetch 2 from c')],
    [describePortal('c'), execute('c', 2), sync],
    [query('fetch c')],
    [bind('c', ''), sync],
    [query('rollback')],
    [query('begin')],
    [parse('', 'select id from t where id > $1 order by id'), bind('d', '', '2'), execute('d', 1), sync],
    [query('fetch 2 from d')],
    [query('move 1 in d')],
    [execute('d', 1), sync],
    [closePortal('d'), sync],
    [query('fetch d')],
    [query('commit')],
  ],
  'FETCH in the extended protocol tells the columns of its cursor': [
    [query('begin')],
    [query('declare c scroll cursor for select id, v from t order by id')],
    [parse('f', 'fetch 2 from c'), describeStatement('f'), bind('', 'f'), describePortal(''), execute(''), sync],
    [bind('', 'f'), execute(''), sync],
    [parse('m', 'move backward all in c'), describeStatement('m'), bind('', 'm'), execute(''), sync],
    [bind('', 'f'), execute(''), sync],
    [query('commit')],
  ],
  'a cursor WITH HOLD stays when extended requests end': [
    [query('declare h cursor with hold for select id from t order by id')],
    [parse('', 'select 1'), bind('', ''), execute(''), sync],
    [execute('h', 2), sync],
    [query('fetch all from h')],
    [query('close h')],
  ],
};

describe.skipIf(postgresBinaries() === undefined)('statements and portals of SQL and of the protocol', () => {
  let reference: PostgresReference;
  let server: PgServer;

  beforeAll(async () => {
    reference = (await startPostgres())!;
    server = await startPgServer();
    for (const client of [await theirs(), await ours()]) {
      await client.query('create table t (id int primary key, v int)');
      await client.query('insert into t select g, g * 10 from generate_series(1, 8) g');
      client.close();
    }
  }, 60_000);

  afterAll(async () => {
    await server?.stop();
    await reference?.stop();
  });

  const theirs = () => RawPgClient.connect(reference.config.port, reference.config.database);
  const ours = () => RawPgClient.connect(server.port);

  for (const [name, steps] of Object.entries(CONVERSATIONS)) {
    test(name, async () => {
      const [them, us] = [await theirs(), await ours()];
      try {
        for (const [i, step] of steps.entries()) {
          const bytes = Buffer.concat(step);
          expect(shown(await us.exchange(bytes)), `step ${i + 1}`).toBe(shown(await them.exchange(bytes)));
        }
      } finally {
        them.close();
        us.close();
      }
    });
  }
});
