/**
 * Who may connect, and SCRAM-SHA-256 to prove it (RFC 5802, RFC 7677; PostgreSQL 15, "SASL Authentication").
 *
 * The server never sees a password: it holds, per user, a salt, an iteration count and two keys derived from it. A user
 * who does not exist goes through the same exchange against keys that nobody can meet, so that names cannot be probed.
 * On an encrypted connection channel binding is offered (SCRAM-SHA-256-PLUS, type `tls-server-end-point`): then the proof
 * holds only for the certificate that the client was shown, and nobody between the two can pass it on.
 */

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Random } from '../../platform/platform.ts';
import { SqlError } from '../../query/sql/sql-error.ts';

/** What SCRAM needs to know of a user. */
export interface ScramVerifier {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export interface Principals {
  /** False when no users are configured: then everyone on this machine may connect, under any name. */
  readonly required: boolean;
  /** The verifier of a user; one that no password fits when there is no such user, the same at every call. */
  verifier(user: string): ScramVerifier;
}

/** No users: for tests and for a server that was given none. */
export const OPEN_PRINCIPALS: Principals = {
  required: false,
  verifier: () => {
    throw new SqlError('internal_error', 'nobody is asked for a password');
  },
};

export const SCRAM_MECHANISM = 'SCRAM-SHA-256';
export const SCRAM_PLUS_MECHANISM = 'SCRAM-SHA-256-PLUS';
const END_POINT = 'p=tls-server-end-point,';
const NONCE_BYTES = 18;

/** One exchange: `first` answers the client's first message, `final` its proof. */
export class ScramExchange {
  readonly #verifier: ScramVerifier;
  readonly #random: Pick<Random, 'bytes'>;
  /** The hash of the certificate, where binding to it was offered. */
  readonly #endPoint: Uint8Array | undefined;
  #binds = false;
  #gs2Header = '';
  #clientFirstBare = '';
  #serverFirst = '';
  #nonce = '';

  constructor(verifier: ScramVerifier, random: Pick<Random, 'bytes'>, endPoint?: Uint8Array) {
    this.#verifier = verifier;
    this.#random = random;
    this.#endPoint = endPoint;
  }

  /** What the client may choose from, best first. */
  get mechanisms(): readonly string[] {
    return this.#endPoint === undefined ? [SCRAM_MECHANISM] : [SCRAM_PLUS_MECHANISM, SCRAM_MECHANISM];
  }

  /** @throws SqlError `protocol_violation`. */
  first(mechanism: string, clientFirst: string): string {
    if (!this.mechanisms.includes(mechanism)) {
      throw new SqlError('protocol_violation', 'client selected an invalid SASL authentication mechanism');
    }
    const match = /^((?:n|y|p=[A-Za-z0-9.-]+),(?:a=[^,]*)?,)(n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/.exec(
      clientFirst,
    );
    if (match === null) throw malformed();
    this.#binds = mechanism === SCRAM_PLUS_MECHANISM;
    if (match[1]!.startsWith('p=') !== this.#binds) throw malformed();
    if (this.#binds && !match[1]!.startsWith(END_POINT)) {
      throw new SqlError('protocol_violation', 'unsupported SCRAM channel-binding type');
    }
    // Whoever says "y" can bind, and was told that the server cannot: someone between the two took the offer away.
    if (match[1]!.startsWith('y') && this.#endPoint !== undefined) {
      throw new SqlError('invalid_authorization', 'SCRAM channel binding negotiation error');
    }
    this.#gs2Header = match[1]!;
    this.#clientFirstBare = match[2]!;
    this.#nonce = match[3]! + Buffer.from(this.#random.bytes(NONCE_BYTES)).toString('base64');
    const { salt, iterations } = this.#verifier;
    this.#serverFirst = `r=${this.#nonce},s=${Buffer.from(salt).toString('base64')},i=${iterations}`;
    return this.#serverFirst;
  }

  /** @returns the server's signature, or undefined when the proof is wrong. @throws SqlError `protocol_violation`. */
  final(clientFinal: string): string | undefined {
    const match = /^(c=([A-Za-z0-9+/=]+),r=([^,]+)(?:,[^p][^,]*)*),p=([A-Za-z0-9+/=]+)$/.exec(clientFinal);
    if (match === null) throw malformed();
    const expected = Buffer.concat([
      Buffer.from(this.#gs2Header, 'latin1'),
      this.#binds ? this.#endPoint! : Buffer.alloc(0),
    ]);
    if (!Buffer.from(match[2]!, 'base64').equals(expected)) {
      if (!this.#binds) throw malformed();
      throw new SqlError('invalid_authorization', 'SCRAM channel binding check failed');
    }
    if (match[3] !== this.#nonce) throw malformed();
    const proof = Buffer.from(match[4]!, 'base64');
    const { storedKey, serverKey } = this.#verifier;
    if (proof.length !== storedKey.length) return undefined;
    const message = `${this.#clientFirstBare},${this.#serverFirst},${match[1]}`;
    const signature = createHmac('sha256', storedKey).update(message).digest();
    const clientKey = Buffer.alloc(proof.length);
    for (let i = 0; i < proof.length; i++) clientKey[i] = proof[i]! ^ signature[i]!;
    if (!timingSafeEqual(createHash('sha256').update(clientKey).digest(), storedKey)) return undefined;
    return `v=${createHmac('sha256', serverKey).update(message).digest('base64')}`;
  }
}

function malformed(): SqlError {
  return new SqlError('protocol_violation', 'malformed SCRAM message');
}
