/** What the errors of keys mean to the user of a transaction. Locks are not among them: they are resolved. */

import { printableKey } from './bytes.ts';
import { TikvError } from './errors.ts';
import type { KeyError } from './proto/kvrpcpb.ts';

export function fromKeyError(error: KeyError, startTs: bigint): TikvError {
  if (error.conflict !== undefined) {
    const { key, conflictCommitTs } = error.conflict;
    return new TikvError(
      'write_conflict',
      `${printableKey(key)} was changed by a commit of ${conflictCommitTs}, after ${startTs}`,
      { key },
    );
  }
  if (error.alreadyExist !== undefined) {
    const { key } = error.alreadyExist;
    return new TikvError('already_exists', `${printableKey(key)} exists already`, { key });
  }
  if (error.deadlock !== undefined) {
    const { waitChain, deadlockKey, lockKey, lockTs } = error.deadlock;
    return new TikvError('deadlock', `waiting for ${printableKey(lockKey)}, held by ${lockTs}, would close a cycle`, {
      key: deadlockKey,
      waitChain: waitChain.map((entry) => entry.txn),
    });
  }
  if (error.assertionFailed !== undefined) {
    const { key, assertion } = error.assertionFailed;
    return new TikvError('assertion_failed', `${printableKey(key)} ${assertion === 1 ? 'does not exist' : 'exists'}`, {
      key,
    });
  }
  if (error.commitTsTooLarge !== undefined) return new TikvError('aborted', 'the transaction took too long to commit');
  if (error.txnNotFound !== undefined)
    return new TikvError('aborted', `the transaction of ${startTs} is not known any more`);
  if (/api version|key mode|keyspace/i.test(error.abort)) return new TikvError('configuration', error.abort);
  if (/KeyTooLarge/i.test(error.abort)) return new TikvError('too_large', error.abort);
  return new TikvError(
    'aborted',
    `the transaction of ${startTs} was aborted: ${error.abort || error.retryable || 'unknown error'}`,
  );
}
