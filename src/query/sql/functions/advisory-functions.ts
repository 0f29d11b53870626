/** Advisory locks: manual section 9.27.10. See advisory-locks.ts. */

import { assert } from '../../../base/assert.ts';
import { type Awaitable, whenReady } from '../../../base/awaitable.ts';
import type { AdvisoryAccess, AdvisoryKey, AdvisoryRequest } from '../locks/advisory-locks.ts';
import type { FunctionTable, RunContext } from './definition.ts';

function locks({ session }: RunContext): AdvisoryAccess {
  assert(session.advisory !== undefined, 'a volatile function is computed in a session');
  return session.advisory;
}

function keyOf(args: readonly unknown[]): AdvisoryKey {
  if (args.length === 2) {
    return { classId: (args[0] as number) >>> 0, objectId: (args[1] as number) >>> 0, space: 2 };
  }
  const bits = BigInt.asUintN(64, args[0] as bigint);
  return { classId: Number(bits >> 32n), objectId: Number(bits & 0xffff_ffffn), space: 1 };
}

/** Both forms of a function: by one number of 64 bits, and by two of 32. */
function both(name: string, words: string, run: (key: AdvisoryKey, context: RunContext) => unknown): FunctionTable {
  return {
    [`${name}(int8) ${words}`]: (key: bigint, context: RunContext) => run(keyOf([key]), context) as boolean,
    [`${name}(int4, int4) ${words}`]: (a: number, b: number, context: RunContext) =>
      run(keyOf([a, b]), context) as boolean,
  };
}

function locking(name: string, request: Omit<AdvisoryRequest, 'wait'>): FunctionTable {
  return {
    ...both(
      `pg_${name}`,
      'void volatile waits',
      (key, context): Awaitable<string> => whenReady(locks(context).lock(key, { ...request, wait: true }), () => ''),
    ),
    ...both(`pg_try_${name}`, 'bool volatile waits', (key, context) =>
      locks(context).lock(key, { ...request, wait: false }),
    ),
  };
}

export const ADVISORY_FUNCTIONS: FunctionTable = {
  ...locking('advisory_lock', { shared: false, lasts: 'session' }),
  ...locking('advisory_lock_shared', { shared: true, lasts: 'session' }),
  ...locking('advisory_xact_lock', { shared: false, lasts: 'transaction' }),
  ...locking('advisory_xact_lock_shared', { shared: true, lasts: 'transaction' }),
  ...both('pg_advisory_unlock', 'bool volatile', (key, context) => locks(context).unlock(key, false)),
  ...both('pg_advisory_unlock_shared', 'bool volatile', (key, context) => locks(context).unlock(key, true)),
  'pg_advisory_unlock_all() void volatile': (context: RunContext) => {
    locks(context).unlockAll();
    return '';
  },
};
