/**
 * Who may connect, for every protocol: names and SCRAM-SHA-256 verifiers (RFC 5802, RFC 7677), never passwords.
 *
 * The verifiers are derived once, at start; a password that a protocol receives in the clear (Redis AUTH) is checked
 * against the same verifier, off the event loop and a bounded number at a time. An unknown user costs as much as a
 * wrong password.
 */

import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { OperationError } from '../base/errors.ts';

const derive = promisify(pbkdf2);

export interface Principal {
  readonly name: string;
}

/** What SCRAM needs to know of a user. */
export interface ScramVerifier {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** As PostgreSQL's default. */
const ITERATIONS = 4_096;
const CHECKS_AT_ONCE_MAX = 16;
const CHECKS_WAITING_MAX = 1_024;

export class PrincipalStore {
  /** Whether anyone needs a password: false when no user is configured. */
  readonly required: boolean;
  /** Everyone who is configured. */
  readonly names: readonly string[];
  readonly #verifiers: ReadonlyMap<string, ScramVerifier>;
  /** Stands in for users that do not exist; its password is nobody's. */
  readonly #nobody: ScramVerifier;
  #checking = 0;
  readonly #waiting: (() => void)[] = [];

  private constructor(verifiers: ReadonlyMap<string, ScramVerifier>, nobody: ScramVerifier) {
    this.required = verifiers.size > 0;
    this.names = [...verifiers.keys()];
    this.#verifiers = verifiers;
    this.#nobody = nobody;
  }

  static async of(users: readonly { readonly name: string; readonly password: string }[]): Promise<PrincipalStore> {
    const verifiers = new Map<string, ScramVerifier>();
    for (const { name, password } of users) verifiers.set(name, await verifierOf(password, randomBytes(16)));
    return new PrincipalStore(verifiers, await verifierOf(randomBytes(32).toString('base64'), randomBytes(16)));
  }

  /** The verifier of a user; one that no password fits when there is no such user. */
  verifier(name: string): ScramVerifier {
    const known = this.#verifiers.get(name);
    if (known !== undefined) return known;
    // The same salt at every attempt, as a real user would have.
    const salt = createHmac('sha256', this.#nobody.serverKey).update(name).digest().subarray(0, 16);
    return { ...this.#nobody, salt };
  }

  /** @returns undefined for a wrong password or an unknown user. @throws OperationError `overloaded`. */
  async verify(name: string, password: string): Promise<Principal | undefined> {
    if (!this.required) return { name };
    const { salt, storedKey } = this.verifier(name);
    await this.#enter();
    try {
      const { storedKey: offered } = await verifierOf(password, salt);
      return timingSafeEqual(offered, storedKey) && this.#verifiers.has(name) ? { name } : undefined;
    } finally {
      this.#leave();
    }
  }

  #enter(): Promise<void> | undefined {
    if (this.#checking < CHECKS_AT_ONCE_MAX) {
      this.#checking++;
      return undefined;
    }
    if (this.#waiting.length >= CHECKS_WAITING_MAX) throw new OperationError('overloaded', 'too many logins at once');
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#checking--;
    else next();
  }
}

async function verifierOf(password: string, salt: Buffer): Promise<ScramVerifier> {
  const salted = await derive(password.normalize('NFKC'), salt, ITERATIONS, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  return {
    salt,
    iterations: ITERATIONS,
    storedKey: createHash('sha256').update(clientKey).digest(),
    serverKey: createHmac('sha256', salted).update('Server Key').digest(),
  };
}
