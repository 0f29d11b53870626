/**
 * The rows of pg_stat_activity: the sessions of this server, which has no processes for work in the background. And of
 * pg_stat_database, as far as that is counted: its sessions. What is written in the background is counted nowhere that SQL sees.
 */

import type { EvaluationContext } from '../functions/evaluation.ts';
import { parseInet } from '../types/network.ts';
import type { CatalogObjects } from './catalog-objects.ts';
import { DATABASE, OWNER } from './oids.ts';
import type { SystemRow, SystemRows } from './system-row.ts';

function* activityRows(_: CatalogObjects, { session }: EvaluationContext): Iterable<SystemRow> {
  for (const each of session.sessions?.activities() ?? []) {
    yield {
      datid: DATABASE,
      datname: each.database,
      pid: each.processId,
      leader_pid: null,
      usesysid: OWNER,
      usename: each.user,
      application_name: each.applicationName,
      client_addr: each.client === undefined ? null : parseInet(each.client.address, 'inet'),
      client_port: each.client?.port ?? null,
      backend_start: each.startedMicros,
      xact_start: each.transactionMicros ?? null,
      query_start: each.statementMicros ?? null,
      state_change: each.stateMicros,
      wait_event_type: each.waits?.[0] ?? null,
      wait_event: each.waits?.[1] ?? null,
      state: each.state,
      backend_xid: null,
      backend_xmin: null,
      query: each.query,
      backend_type: 'client backend',
    };
  }
}

/** One row that says since when nothing is counted. */
const notCounted: SystemRows = (_, { session }) => [{ stats_reset: session.startedMicros ?? null }];

export const ACTIVITY_ROWS: Readonly<Record<string, SystemRows>> = {
  pg_stat_activity: activityRows,
  pg_stat_bgwriter: notCounted,
  pg_stat_archiver: notCounted,
  pg_stat_wal: notCounted,
  pg_stat_database: (_, { session }) => [
    {
      datid: DATABASE,
      datname: session.database,
      numbackends: [...(session.sessions?.activities() ?? [])].length,
      stats_reset: session.startedMicros ?? null,
    },
  ],
};
