/**
 * Passwords as `crypt` hashes them: bcrypt (Provos and Mazières, "A Future-Adaptable Password Scheme", 1999) and the MD5 scheme of
 * FreeBSD. bcrypt gives the event loop back every few milliseconds.
 */

import { createHash } from 'node:crypto';
import { once } from '../../../base/once.ts';
import { SqlError } from '../sql-error.ts';

const DIGITS = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const MD5_DIGITS = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

const SALT_BYTES = 16;
/** Of the 24 that are computed. */
const HASH_BYTES = 23;
const ROUNDS = 16;
const SUBKEYS = ROUNDS + 2;
const BOXES = 4 * 256;
const COST_DEFAULT = 6;
/** Keys are scheduled in less than a tenth of a millisecond each. */
const EXPANSIONS_AT_ONCE = 32;

export function invalidSalt(): SqlError {
  return new SqlError('invalid_parameter_value', 'invalid salt');
}

/** Blowfish begins with the fraction of pi in binary: of the subkeys, then of the boxes. */
const initialState = once((): Int32Array => {
  const words = SUBKEYS + BOXES;
  const guard = 64n;
  const one = 1n << (BigInt(words * 32) + guard);
  const arctan = (inverse: bigint): bigint => {
    let sum = 0n;
    let power = one / inverse;
    for (let n = 1n; power !== 0n; n += 2n) {
      sum += n % 4n === 1n ? power / n : -(power / n);
      power /= inverse * inverse;
    }
    return sum;
  };
  const pi = 4n * (4n * arctan(5n) - arctan(239n));
  const fraction = ((pi - 3n * one) >> guard).toString(16).padStart(words * 8, '0');
  return Int32Array.from({ length: words }, (_, i) => Number.parseInt(fraction.slice(i * 8, i * 8 + 8), 16));
});

/** The subkeys, then the boxes. */
class Blowfish {
  readonly #state = initialState().slice();
  #left = 0;
  #right = 0;

  /** @param key 18 words. @param salt 4 words, of zeros where there is none. */
  expand(key: Int32Array, salt: Int32Array): void {
    const state = this.#state;
    for (let i = 0; i < SUBKEYS; i++) state[i]! ^= key[i]!;
    this.#left = 0;
    this.#right = 0;
    for (let i = 0; i < state.length; i += 2) {
      this.#left ^= salt[i & 2]!;
      this.#right ^= salt[(i & 2) + 1]!;
      this.#encrypt();
      state[i] = this.#left;
      state[i + 1] = this.#right;
    }
  }

  /** 64 times over, in place. */
  encrypt(words: Int32Array): void {
    for (let i = 0; i < words.length; i += 2) {
      this.#left = words[i]!;
      this.#right = words[i + 1]!;
      for (let n = 0; n < 64; n++) this.#encrypt();
      words[i] = this.#left;
      words[i + 1] = this.#right;
    }
  }

  #encrypt(): void {
    const state = this.#state;
    let left = this.#left ^ state[0]!;
    let right = this.#right;
    for (let round = 1; round <= ROUNDS; round += 2) {
      right ^= mixed(state, left) ^ state[round]!;
      left ^= mixed(state, right) ^ state[round + 1]!;
    }
    this.#left = right ^ state[SUBKEYS - 1]!;
    this.#right = left;
  }
}

function mixed(state: Int32Array, word: number): number {
  const sum = (state[SUBKEYS + (word >>> 24)]! + state[SUBKEYS + 256 + ((word >>> 16) & 255)]!) | 0;
  return ((sum ^ state[SUBKEYS + 512 + ((word >>> 8) & 255)]!) + state[SUBKEYS + 768 + (word & 255)]!) | 0;
}

/** The bytes and a zero, over and over. @param signed As the scheme 2x has it: bytes above 127 overwrite those before them. */
function keyWords(password: Uint8Array, signed: boolean): Int32Array {
  const bytes = [...password, 0];
  let at = 0;
  return Int32Array.from({ length: SUBKEYS }, () => {
    let word = 0;
    for (let i = 0; i < 4; i++) {
      const byte = bytes[at]!;
      word = (word << 8) | (signed ? (byte << 24) >> 24 : byte);
      at = (at + 1) % bytes.length;
    }
    return word;
  });
}

/**
 * @param salt Or a hash, as `$2a$06$…`. @param pause Lets others have their turn; undefined where nobody else can.
 * @throws SqlError `invalid_parameter_value`.
 */
export function bcrypt(
  password: Uint8Array,
  salt: string,
  pause: () => Promise<void> | undefined,
): string | Promise<string> {
  const match = /^\$2([ax])\$(\d\d)\$([./A-Za-z0-9]{22})/.exec(salt);
  const cost = Number(match?.[2]);
  if (match === null || cost < 4 || cost > 31) throw invalidSalt();
  const saltBytes = decoded(match[3]!);
  const saltWords = Int32Array.from({ length: 4 }, (_, i) => saltBytes.readInt32BE(i * 4));
  const cipher = new Blowfish();
  const key = keyWords(password, match[1] === 'x');
  cipher.expand(key, saltWords);
  const wholeSalt = Int32Array.from({ length: SUBKEYS }, (_, i) => saltWords[i % 4]!);
  const none = new Int32Array(4);
  const times = 2 ** cost;
  const finish = (): string => {
    const text = Buffer.from('OrpheanBeholderScryDoubt');
    const words = Int32Array.from({ length: 6 }, (_, i) => text.readInt32BE(i * 4));
    cipher.encrypt(words);
    const hash = Buffer.alloc(24);
    for (let i = 0; i < 6; i++) hash.writeInt32BE(words[i]!, i * 4);
    return `${salt.slice(0, 7)}${encoded(saltBytes)}${encoded(hash.subarray(0, HASH_BYTES))}`;
  };
  const goOn = (from: number): string | Promise<string> => {
    for (let i = from; i < times; i++) {
      cipher.expand(key, none);
      cipher.expand(wholeSalt, none);
      if ((i + 1) % EXPANSIONS_AT_ONCE !== 0) continue;
      const paused = pause();
      if (paused !== undefined) return paused.then(() => goOn(i + 1));
    }
    return finish();
  };
  return goOn(0);
}

export function bcryptSalt(bytes: Uint8Array, cost: number = COST_DEFAULT): string {
  return `$2a$${String(cost).padStart(2, '0')}$${encoded(bytes)}`;
}

/** Six bits for each digit, the last filled up with zeros. */
function encoded(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length * 8; at += 6) {
    const pair = (bytes[at >> 3]! << 8) | (bytes[(at >> 3) + 1] ?? 0);
    text += DIGITS[(pair >> (10 - (at & 7))) & 63];
  }
  return text;
}

function decoded(text: string): Buffer {
  const bytes = Buffer.alloc(SALT_BYTES);
  for (let i = 0; i < text.length; i++) {
    const digit = DIGITS.indexOf(text[i]!);
    for (let bit = 0; bit < 6; bit++) {
      const at = i * 6 + bit;
      if (at < SALT_BYTES * 8 && ((digit >> (5 - bit)) & 1) === 1) bytes[at >> 3]! |= 0x80 >> (at & 7);
    }
  }
  return bytes;
}

/** Bytes of the last digest in the order in which they are printed, three by three. */
const MD5_ORDER = [
  [0, 6, 12],
  [1, 7, 13],
  [2, 8, 14],
  [3, 9, 15],
  [4, 10, 5],
] as const;

/** @param setting As `$1$salt`, of which up to eight characters count. */
export function md5Crypt(password: Uint8Array, setting: string): string {
  const salt = setting.slice(3).split('$')[0]!.slice(0, 8);
  const md5 = (...parts: readonly (Uint8Array | string)[]): Buffer => {
    const hash = createHash('md5');
    for (const part of parts) hash.update(part);
    return hash.digest();
  };
  const inner = md5(password, salt, password);
  const parts: (Uint8Array | string)[] = [password, '$1$', salt];
  for (let left = password.length; left > 0; left -= 16) parts.push(inner.subarray(0, Math.min(16, left)));
  for (let bits = password.length; bits !== 0; bits >>= 1) {
    parts.push((bits & 1) === 1 ? Uint8Array.of(0) : password.subarray(0, 1));
  }
  let hash = md5(...parts);
  for (let i = 0; i < 1_000; i++) {
    hash = md5(
      (i & 1) === 1 ? password : hash,
      i % 3 === 0 ? '' : salt,
      i % 7 === 0 ? '' : password,
      (i & 1) === 1 ? hash : password,
    );
  }
  const digits = (value: number, count: number): string => {
    let text = '';
    for (let i = 0, rest = value; i < count; i++, rest >>= 6) text += MD5_DIGITS[rest & 63];
    return text;
  };
  const printed = MD5_ORDER.map(([a, b, c]) => digits((hash[a]! << 16) | (hash[b]! << 8) | hash[c]!, 4)).join('');
  return `$1$${salt}$${printed}${digits(hash[11]!, 2)}`;
}

export function md5Salt(bytes: Uint8Array): string {
  return `$1$${[...bytes].map((byte) => MD5_DIGITS[byte & 63]).join('')}`;
}
