/** From an `ErrorCode` to an HTTP status (RFC 9110, section 15): the only place that knows. A code without a row does not compile. */

import type { ErrorCode } from '../../base/errors.ts';
import type { HttpResponse } from '../../platform/http.ts';

export const HTTP_STATUS = {
  already_exists: 409,
  not_found: 404,
  invalid_argument: 400,
  wrong_type: 409,
  out_of_range: 400,
  unsupported: 501,
  too_large: 413,
  transaction_conflict: 409,
  transaction_too_old: 409,
  deadlock: 409,
  lock_not_available: 423,
  transaction_closed: 409,
  commit_unknown: 500,
  store_read_only: 503,
  store_closed: 503,
  store_locked: 503,
  store_format: 500,
  corruption: 500,
  disk_full: 507,
  out_of_memory: 507,
  io: 500,
  overloaded: 503,
  deadline_exceeded: 504,
  cancelled: 499,
  actor_cycle: 508,
  lease_lost: 503,
  actor_failed: 500,
  unauthenticated: 401,
  permission_denied: 403,
  invalid_config: 500,
} as const satisfies Record<ErrorCode, number>;

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): HttpResponse {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', ...headers },
    body: `${JSON.stringify(body)}\n`,
  };
}

/** The one shape of errors on every HTTP listener. */
export function errorResponse(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  return json(status, { error: { code, message } }, headers);
}
