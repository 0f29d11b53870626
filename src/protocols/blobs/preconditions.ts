/**
 * Conditional requests (RFC 9110, section 13) on what has a strong entity tag and a time of modification. `If-None-Match`
 * goes before `If-Modified-Since`, as the RFC says and SeaweedFS does not.
 */

import type { HttpRequest } from '../../platform/http.ts';

/** What to answer in place of the representation; undefined to send it. */
export function preconditionStatus(
  headers: HttpRequest['headers'],
  etag: string,
  lastModifiedS: number | undefined,
): 304 | 412 | undefined {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) {
    if (!matchesTag(ifMatch, etag, false)) return 412;
  } else if (lastModifiedS !== undefined) {
    const since = seconds(headers['if-unmodified-since']);
    if (since !== undefined && lastModifiedS > since) return 412;
  }
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) return matchesTag(ifNoneMatch, etag, true) ? 304 : undefined;
  if (lastModifiedS === undefined) return undefined;
  const since = seconds(headers['if-modified-since']);
  return since !== undefined && lastModifiedS <= since ? 304 : undefined;
}

/** Whether `Range` is to be looked at: `If-Range` is absent, or names this representation. */
export function rangeApplies(ifRange: string | undefined, etag: string, lastModifiedS: number | undefined): boolean {
  if (ifRange === undefined) return true;
  if (ifRange.startsWith('"')) return ifRange === etag;
  return lastModifiedS !== undefined && seconds(ifRange) === lastModifiedS;
}

function matchesTag(header: string, etag: string, weakly: boolean): boolean {
  if (header.trim() === '*') return true;
  for (const [, weak, tag] of header.matchAll(/(W\/)?("[^"]*")/g)) {
    if (tag === etag && (weakly || weak === undefined)) return true;
  }
  return false;
}

function seconds(date: string | undefined): number | undefined {
  if (date === undefined) return undefined;
  const ms = Date.parse(date);
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}
