/**
 * The public API for programs that embed Orbit: stores, transactions, actors, or a whole server.
 *
 *   import { openStores, persistence } from 'orbit';
 *
 *   const stores = await openStores(persistence().withRocksDb('local', { dataDir: './data' }).build());
 *   const transaction = stores.default.begin();
 */

export type {
  ActorDefinition,
  ActorKey,
  ActorMethods,
  ActorOptions,
  ActorReference,
  ActorRuntime,
  CallLimits,
  DeactivationReason,
  Reminder,
  ReminderSchedule,
  StateSchema,
  Turn,
} from './actors/actor.ts';
export { defineActor } from './actors/actor.ts';
export { loadActorModules } from './actors/load-actor-modules.ts';
export { type ActorRuntimeOptions, LocalActorRuntime } from './actors/local-actor-runtime.ts';
export { RequestContext } from './actors/request-context.ts';
export type { Awaitable } from './base/awaitable.ts';
export type { Bytes } from './base/bytes.ts';
export type { Durability } from './base/durability.ts';
export { ERRORS, type ErrorCode, OperationError } from './base/errors.ts';
export { SoleMemberDirectory } from './cluster/sole-member-directory.ts';
export { type PersistenceBuilder, persistence } from './config/builder.ts';
export type { Config, ProvidersConfig } from './config/config.ts';
export { loadConfig } from './config/load.ts';
export { newNodePlatform } from './platform/node-platform.ts';
export type { Platform } from './platform/platform.ts';
export { openStores, type RunningServer, runServer, type Stores, VERSION } from './server.ts';
export { ALL_KEYS, type Key, type KeyRange, prefixRange } from './storage/key-range.ts';
export { Keyspace } from './storage/keyspace.ts';
export { runTransaction } from './storage/run-transaction.ts';
export type {
  Change,
  Commit,
  CommitRecord,
  Cursor,
  Entry,
  Isolation,
  LockOptions,
  ScanOptions,
  Store,
  Transaction,
  TransactionOptions,
  Version,
  WriteBatch,
} from './storage/store.ts';
export { decodeTuple, encodeTuple, type TupleValue } from './storage/tuple.ts';
