/** What the session and the clock say (manual, 9.9.5 and 9.26). */

import { assert } from '../../../base/assert.ts';
import type { Interval } from '../../../models/relational/values.ts';
import type { ClientAddress } from '../session-activity.ts';
import { notSupported, unknownParameter } from '../sql-error.ts';
import { parseInet } from '../types/network.ts';
import type { FunctionTable, RunContext } from './definition.ts';
import { VERSION_TEXT } from './version.ts';

const SLEEP_MS_MAX = 2 ** 31 - 1;

async function sleep(ms: number, { session }: RunContext): Promise<string> {
  assert(session.sleep !== undefined, 'a volatile function is computed in a session');
  for (let left = ms; left > 0; left -= SLEEP_MS_MAX) await session.sleep(Math.min(left, SLEEP_MS_MAX));
  return '';
}

/** Undefined for a session of the process itself. */
function clientOf({ sessions, processId }: RunContext['session']): ClientAddress | undefined {
  for (const each of sessions?.activities() ?? []) if (each.processId === processId) return each.client;
  return undefined;
}

export const SESSION_FUNCTIONS: FunctionTable = {
  'now() timestamptz stable': ({ nowMicros }: RunContext) => nowMicros,
  'transaction_timestamp() timestamptz stable': ({ nowMicros }: RunContext) => nowMicros,
  'statement_timestamp() timestamptz stable': ({ statementMicros }: RunContext) => statementMicros,
  'clock_timestamp() timestamptz volatile': (context: RunContext) => context.clockMicros(),
  'pg_sleep(float8) void volatile waits': (seconds: number, context: RunContext) => sleep(seconds * 1_000, context),
  'pg_sleep_for(interval) void volatile waits': ({ months, days, micros }: Interval, context: RunContext) =>
    sleep(((months * 30 + days) * 86_400_000_000 + Number(micros)) / 1_000, context),
  'pg_sleep_until(timestamptz) void volatile waits': (until: bigint, context: RunContext) =>
    sleep(Number(until - context.clockMicros()) / 1_000, context),
  'version() text stable': () => VERSION_TEXT,
  'current_database() name stable': ({ session }: RunContext) => session.database,
  'current_catalog() name stable': ({ session }: RunContext) => session.database,
  'current_user() name stable': ({ session }: RunContext) => session.user,
  'session_user() name stable': ({ session }: RunContext) => session.user,
  'current_schema() name stable': ({ session }: RunContext) => session.schemaNames?.(false)[0] ?? null,
  'pg_backend_pid() int4 stable': ({ session }: RunContext) => session.processId,
  'inet_client_addr() inet stable': ({ session }: RunContext) => {
    const client = clientOf(session);
    return client === undefined ? null : parseInet(client.address, 'inet');
  },
  'inet_client_port() int4 stable': ({ session }: RunContext) => clientOf(session)?.port ?? null,
  'pg_cancel_backend(int4) bool volatile': (processId: number, { session }: RunContext) =>
    session.sessions?.signal(processId, 'cancel') ?? false,
  'pg_terminate_backend(pid int4, timeout int8 = 0) bool volatile': (
    processId: number,
    timeoutMs: bigint,
    context: RunContext,
  ) => {
    if (timeoutMs !== 0n) throw notSupported('waiting for a session to end');
    return context.session.sessions?.signal(processId, 'terminate') ?? false;
  },
  'pg_is_in_recovery() bool volatile': () => false,
  'current_setting(text) text stable': (name: string, { session }: RunContext) => {
    const value = session.setting(name);
    if (value !== undefined) return value;
    throw unknownParameter(name);
  },
  'current_setting(text, bool) text stable': (name: string, missingOk: boolean, { session }: RunContext) => {
    const value = session.setting(name);
    if (value !== undefined) return value;
    if (missingOk) return null;
    throw unknownParameter(name);
  },
};
