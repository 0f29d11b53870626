/**
 * The functions of pgcrypto for hashes, passwords and raw encryption. Not here: those of OpenPGP, ciphers other than AES, and passwords
 * hashed by DES.
 */

import { createCipheriv, createDecipheriv, createHash, createHmac, getHashes } from 'node:crypto';
import { utf8 } from '../../../base/bytes.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import type { FunctionTable, RunContext } from './definition.ts';
import { bcrypt, bcryptSalt, invalidSalt, md5Crypt, md5Salt } from './password-hashes.ts';
import { requireRandom } from './type-functions.ts';

const RANDOM_BYTES_MAX = 1_024;

let hashes: ReadonlySet<string> | undefined;

/** @throws SqlError `invalid_parameter_value`. */
function hashNamed(given: string): string {
  hashes ??= new Set(getHashes().map((each) => each.toLowerCase()));
  const name = given.toLowerCase();
  if (hashes.has(name)) return name;
  throw new SqlError('invalid_parameter_value', `Cannot use "${name}": No such hash algorithm`);
}

function digest(data: Uint8Array, algorithm: string): Uint8Array {
  return new Uint8Array(createHash(hashNamed(algorithm)).update(data).digest());
}

function hmac(data: Uint8Array, key: Uint8Array, algorithm: string): Uint8Array {
  return new Uint8Array(createHmac(hashNamed(algorithm), key).update(data).digest());
}

interface Cipher {
  /** As OpenSSL names it. */
  readonly name: string;
  readonly keyBytes: number;
  readonly pads: boolean;
  readonly hasVector: boolean;
}

const BLOCK_BYTES = 16;
const KNOWN_CIPHERS = /^(?:bf|blowfish|des|3des|des3|cast5)$/;

/** `aes-cbc/pad:pkcs` for a key. @throws SqlError `invalid_parameter_value`, `feature_not_supported`. */
function cipherNamed(given: string, key: Uint8Array): Cipher {
  const name = given.toLowerCase();
  const [method, ...options] = name.split('/') as [string, ...string[]];
  const [algorithm, mode = 'cbc'] = method.split('-') as [string, string?];
  const refused = (why: string): SqlError => new SqlError('invalid_parameter_value', `Cannot use "${name}": ${why}`);
  if (KNOWN_CIPHERS.test(algorithm)) throw notSupported(`the cipher ${algorithm}`);
  const isAes = algorithm === 'aes' || algorithm === 'rijndael';
  if (!isAes || (mode !== 'cbc' && mode !== 'ecb') || method.split('-').length > 2) {
    throw refused('No such cipher algorithm');
  }
  let pads = true;
  for (const option of options) {
    if (option !== 'pad:pkcs' && option !== 'pad:none') throw refused('Unknown option');
    pads = option === 'pad:pkcs';
  }
  const keyBytes = key.length <= 16 ? 16 : key.length <= 24 ? 24 : 32;
  return { name: `aes-${keyBytes * 8}-${mode}`, keyBytes, pads, hasVector: mode === 'cbc' };
}

/** Filled up with zeros, or cut off. */
function resized(bytes: Uint8Array, length: number): Uint8Array {
  const sized = new Uint8Array(length);
  sized.set(bytes.subarray(0, length));
  return sized;
}

function crypted(way: 'encrypt' | 'decrypt', data: Uint8Array, key: Uint8Array, vector: Uint8Array, method: string) {
  const cipher = cipherNamed(method, key);
  const make = way === 'encrypt' ? createCipheriv : createDecipheriv;
  const own = make(cipher.name, resized(key, cipher.keyBytes), cipher.hasVector ? resized(vector, BLOCK_BYTES) : null);
  own.setAutoPadding(cipher.pads);
  try {
    return new Uint8Array(Buffer.concat([own.update(data), own.final()]));
  } catch (cause) {
    const what = way === 'encrypt' ? 'Encryption' : 'Decryption';
    throw new SqlError('external_routine_invocation_exception', `${way} error: ${what} failed`, { cause });
  }
}

const NO_VECTOR = new Uint8Array(0);

function randomBytes(length: number, { random }: RunContext): Uint8Array {
  if (length < 1 || length > RANDOM_BYTES_MAX) {
    throw new SqlError('external_routine_invocation_exception', 'Length not in range');
  }
  return requireRandom(random).bytes(length);
}

/** @throws SqlError `invalid_parameter_value` of a salt that says nothing. */
function crypt(password: string, salt: string, context: RunContext): string | Promise<string> {
  if (/^\$2[ax]\$/.test(salt)) return bcrypt(utf8(password), salt, () => context.session.sleep?.(0));
  if (salt.startsWith('$1$')) return md5Crypt(utf8(password), salt);
  if (salt.length < 2) throw invalidSalt();
  throw notSupported('a password hashed by DES');
}

/** @throws SqlError `invalid_parameter_value`, `feature_not_supported`. */
function generatedSalt(kind: string, rounds: number | undefined, context: RunContext): string {
  const bytes = (length: number): Uint8Array => requireRandom(context.random).bytes(length);
  switch (kind.toLowerCase()) {
    case 'bf':
      if (rounds !== undefined && rounds !== 0 && (rounds < 4 || rounds > 31)) throw incorrectRounds();
      return bcryptSalt(bytes(16), rounds === 0 ? undefined : rounds);
    case 'md5':
      if (rounds !== undefined && rounds !== 0 && rounds !== 1_000) throw incorrectRounds();
      return md5Salt(bytes(8));
    case 'des':
    case 'xdes':
      throw notSupported(`gen_salt('${kind.toLowerCase()}')`);
    default:
      throw new SqlError('invalid_parameter_value', 'gen_salt: Unknown salt algorithm');
  }
}

function incorrectRounds(): SqlError {
  return new SqlError('invalid_parameter_value', 'gen_salt: Incorrect number of rounds');
}

export const CRYPTO_FUNCTIONS: FunctionTable = {
  'digest(text, text) bytea': (data: string, algorithm: string) => digest(utf8(data), algorithm),
  'digest(bytea, text) bytea': digest,
  'hmac(text, text, text) bytea': (data: string, key: string, algorithm: string) =>
    hmac(utf8(data), utf8(key), algorithm),
  'hmac(bytea, bytea, text) bytea': hmac,
  'crypt(text, text) text waits': crypt,
  'gen_salt(text) text volatile': (kind: string, context: RunContext) => generatedSalt(kind, undefined, context),
  'gen_salt(text, int4) text volatile': generatedSalt,
  'encrypt(bytea, bytea, text) bytea': (data: Uint8Array, key: Uint8Array, method: string) =>
    crypted('encrypt', data, key, NO_VECTOR, method),
  'decrypt(bytea, bytea, text) bytea': (data: Uint8Array, key: Uint8Array, method: string) =>
    crypted('decrypt', data, key, NO_VECTOR, method),
  'encrypt_iv(bytea, bytea, bytea, text) bytea': (
    data: Uint8Array,
    key: Uint8Array,
    vector: Uint8Array,
    method: string,
  ) => crypted('encrypt', data, key, vector, method),
  'decrypt_iv(bytea, bytea, bytea, text) bytea': (
    data: Uint8Array,
    key: Uint8Array,
    vector: Uint8Array,
    method: string,
  ) => crypted('decrypt', data, key, vector, method),
  'gen_random_bytes(int4) bytea volatile': randomBytes,
  'gen_random_uuid() uuid volatile called': ({ random }: RunContext) => requireRandom(random).uuid(),
};
