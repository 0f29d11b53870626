/**
 * Who may connect, and SCRAM-SHA-256 to prove it (RFC 5802, RFC 7677; PostgreSQL 15, "SASL Authentication").
 *
 * The server never sees a password: it holds, per user, a salt, an iteration count and two keys derived from it. A user
 * who does not exist goes through the same exchange against keys that nobody can meet, so that names cannot be probed.
 * Channel binding is not offered, because connections are not encrypted here.
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
const NONCE_BYTES = 18;

/** One exchange: `first` answers the client's first message, `final` its proof. */
export class ScramExchange {
  readonly #verifier: ScramVerifier;
  readonly #random: Pick<Random, 'bytes'>;
  #gs2Header = '';
  #clientFirstBare = '';
  #serverFirst = '';
  #nonce = '';

  constructor(verifier: ScramVerifier, random: Pick<Random, 'bytes'>) {
    this.#verifier = verifier;
    this.#random = random;
  }

  /** @throws SqlError `protocol_violation`. */
  first(clientFirst: string): string {
    const match = /^((?:n|y),(?:a=[^,]*)?,)(n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/.exec(clientFirst);
    if (match === null) throw malformed();
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
    if (match === null || Buffer.from(match[2]!, 'base64').toString('latin1') !== this.#gs2Header) throw malformed();
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
