/**
 * Extensions that CREATE EXTENSION knows, under the names, versions and comments that they have in PostgreSQL. Their functions are
 * code of the server, which only databases with the extension can call.
 */

import { inputTypes, type UserFunction } from '../../../models/relational/function-definition.ts';
import { CRYPTO_FUNCTIONS } from './crypto-functions.ts';
import { type FunctionDefinition, FunctionDirectory, type FunctionTable } from './definition.ts';
import { UUID_FUNCTIONS } from './uuid-functions.ts';

export interface KnownExtension {
  readonly name: string;
  readonly version: string;
  readonly comment: string;
  readonly functions: FunctionDirectory;
  /** Names that PostgreSQL has for the code, where they are not those of the functions. */
  readonly symbols: Readonly<Record<string, string>>;
}

function known(
  name: string,
  [version, comment]: readonly [string, string],
  functions: FunctionTable,
  symbols: KnownExtension['symbols'] = {},
): KnownExtension {
  return { name, version, comment, functions: new FunctionDirectory([functions]), symbols };
}

/** In the order of their names. */
export const EXTENSIONS: readonly KnownExtension[] = [
  known('pgcrypto', ['1.3', 'cryptographic functions'], CRYPTO_FUNCTIONS, {
    crypt: 'pg_crypt',
    decrypt: 'pg_decrypt',
    decrypt_iv: 'pg_decrypt_iv',
    digest: 'pg_digest',
    encrypt: 'pg_encrypt',
    encrypt_iv: 'pg_encrypt_iv',
    gen_random_bytes: 'pg_random_bytes',
    gen_random_uuid: 'pg_random_uuid',
    gen_salt: 'pg_gen_salt',
    hmac: 'pg_hmac',
  }),
  known('uuid-ossp', ['1.1', 'generate universally unique identifiers (UUIDs)'], UUID_FUNCTIONS),
];

export function extensionNamed(name: string): KnownExtension | undefined {
  return EXTENSIONS.find((each) => each.name === name);
}

/** The code behind a function of an extension; undefined where this server no longer has it. */
export function nativeOf(user: UserFunction): FunctionDefinition | undefined {
  const types = inputTypes(user).join();
  // By the name that it was made under, whatever it is called now.
  const named = extensionNamed(user.extension!)?.functions.named(user.native!);
  return named?.find((each) => each.arguments.join() === types);
}
