/** What the package offers. */

export { type ClientStatistics, TikvClient } from './client.ts';
export type { ClientOptions } from './config.ts';
export type { Clock, Environment, Random, Timer, Timers } from './environment.ts';
export { isTikvError, TikvError, type TikvErrorCode, UndeterminedError } from './errors.ts';
export { type GcOptions, type GcResult, GcWorker } from './gc-worker.ts';
export type { Hooks } from './hooks.ts';
export type { TransactionStatus } from './lock-resolver.ts';
export { connect, connectRaw, type NodeClientOptions, type TlsFiles } from './node/connect.ts';
export { GrpcTransport, type GrpcTransportOptions, type TlsMaterial } from './node/grpc-transport.ts';
export { nodeEnvironment } from './node/node-environment.ts';
export type { LockOptions } from './pessimistic-locker.ts';
export { type Checksum, RawClient, type RawOptions, type RawPutOptions, type RawScanOptions } from './raw-client.ts';
export type { ReadOnlySnapshot } from './read-only-snapshot.ts';
export type { ScanOptions, SnapshotOptions } from './snapshot.ts';
export { composeTimestamp, MAX_TIMESTAMP, physicalMs } from './timestamp.ts';
export { type Savepoint, Transaction, type TransactionOptions } from './transaction.ts';
export { type Connection, GrpcStatus, RpcError, type Transport } from './transport.ts';
