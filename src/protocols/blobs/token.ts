/**
 * Tokens of the blob protocol: JSON Web Tokens (RFC 7519) signed with HS256, as SeaweedFS issues them. The claims name one
 * file (`fid`) and a time of expiry (`exp`). Without a key nothing is checked.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { HttpRequest } from '../../platform/http.ts';

export interface TokenClaims {
  readonly fid?: unknown;
  readonly exp?: unknown;
  readonly nbf?: unknown;
}

/** Whether the request carries a token of that key for that file, as it stands in the path without `_N`. */
export function isAuthorized(request: HttpRequest, key: string | undefined, fileId: string, nowMs: number): boolean {
  if (key === undefined) return true;
  const token = tokenOf(request);
  if (token === undefined) return false;
  const claims = verifyToken(token, key, nowMs);
  return claims !== undefined && claims.fid === fileId;
}

/** The query parameter `jwt`, else the header `Authorization: Bearer`, else the cookie `AT`. */
function tokenOf(request: HttpRequest): string | undefined {
  const given = request.query.get('jwt');
  if (given !== null && given !== '') return given;
  const bearer = /^bearer\s+(\S+)\s*$/i.exec(request.headers.authorization ?? '')?.[1];
  return bearer ?? /(?:^|;\s*)AT=([^;\s]+)/.exec(request.headers.cookie ?? '')?.[1];
}

/** The claims; undefined when the token is not of that key, or not valid at that time. */
function verifyToken(token: string, key: string, nowMs: number): TokenClaims | undefined {
  const parts = token.split('.');
  if (parts.length !== 3) return undefined;
  const [head, payload, signature] = parts as [string, string, string];
  const expected = createHmac('sha256', key).update(`${head}.${payload}`).digest();
  const given = Buffer.from(signature, 'base64url');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  const header = parsed(head);
  if (header?.alg !== 'HS256') return undefined;
  const claims = parsed(payload);
  if (claims === undefined) return undefined;
  const nowS = nowMs / 1000;
  if (claims.exp !== undefined && !(typeof claims.exp === 'number' && claims.exp > nowS)) return undefined;
  if (claims.nbf !== undefined && !(typeof claims.nbf === 'number' && claims.nbf <= nowS)) return undefined;
  return claims;
}

/** A token for one file, valid for `seconds`. */
export function signToken(fileId: string, key: string, nowMs: number, seconds: number): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ exp: Math.floor(nowMs / 1000) + seconds, fid: fileId })}`;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}

function parsed(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
