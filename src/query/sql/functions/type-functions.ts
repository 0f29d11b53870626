/** What is known about types and values (manual, 9.2, 9.26). */

import { SqlError } from '../sql-error.ts';
import { builtinType } from '../types/object-names.ts';
import { type SqlValue, typeInfo } from '../types/types.ts';
import type { FunctionTable, KernelBuilder, RunContext } from './definition.ts';

/** The OID of its argument's type; a bare literal is unknown here, though it runs as text. */
const TYPE_OF: KernelBuilder = {
  build: ([type]) => {
    const { oid } = typeInfo(type!);
    return () => oid;
  },
};

export const TYPE_FUNCTIONS: FunctionTable = {
  'pg_typeof(any) regtype stable called': TYPE_OF,
  'to_regtype(text) regtype stable': (name: string) => {
    const type = builtinType(name);
    return type === undefined ? null : typeInfo(type).oid;
  },
  'num_nulls(variadic any) int4 called': (values: readonly SqlValue[]) =>
    values.filter((value) => value === null).length,
  'num_nonnulls(variadic any) int4 called': (values: readonly SqlValue[]) =>
    values.filter((value) => value !== null).length,
  'gen_random_uuid() uuid volatile': ({ random }: RunContext) => requireRandom(random).uuid(),
  'random() float8 volatile': ({ random, session }: RunContext) =>
    session.seeded?.next() ?? requireRandom(random).float(),
};

export function requireRandom(random: RunContext['random']): NonNullable<RunContext['random']> {
  if (random !== undefined) return random;
  throw new SqlError('feature_not_supported', 'a random value is not supported in an expression that must be constant');
}
