/**
 * What a requested command is and what it works on: its row of the table, its keys, and the databases and partitions that a
 * turn of it enters.
 */

import type { PartitionWork } from '../../actors/families/keyspace-partition.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { Database } from '../../models/keyvalue/database.ts';
import { LARGE_STRING_BYTES } from '../../models/keyvalue/values.ts';
import type { Store } from '../../storage/store.ts';
import { type CommandEntry, keyPositions } from './command.ts';
import { shown } from './connection-commands.ts';
import { RespError } from './errors.ts';
import type { ExecutionContext } from './execution-context.ts';
import type { RequestBatch } from './request-parser.ts';
import type { Session } from './session.ts';

/** @throws RespError for an unknown command, a wrong number of arguments, or one that needs authentication. */
export function requestedCommand(session: Session, batch: RequestBatch, at: number): CommandEntry {
  const { commands } = session.server;
  const first = batch.firstArgument[at]!;
  const count = batch.argumentCount(at);
  let entry = commands.find(batch.buffer, batch.starts[first]!, batch.lengths[first]!);
  if (entry === undefined) {
    if (isHttp(batch, at)) throw endHttp(session);
    throw unknownCommand(batch, at);
  }
  if (entry.subcommands !== undefined && count > 1) {
    const subcommand = entry.subcommands.find(batch.buffer, batch.starts[first + 1]!, batch.lengths[first + 1]!);
    if (subcommand === undefined) {
      const name = shown(argumentOf(batch, first + 1), 128);
      throw new RespError(`ERR unknown subcommand '${name}'. Try ${entry.name.toUpperCase()} HELP.`);
    }
    entry = subcommand;
  }
  if (!entry.accepts(count)) {
    entry.rejectedCalls++;
    const error = entry.wrongArity();
    if (entry.name !== 'exec') throw error;
    session.transaction.reset(session);
    throw new RespError(`EXECABORT Transaction discarded because of: ${error.message.replace(/^ERR /, '')}`);
  }
  if (session.principal === undefined && !entry.allowedUnauthenticated) {
    entry.rejectedCalls++;
    throw new RespError('NOAUTH Authentication required.');
  }
  return entry;
}

/**
 * Whether a request for a web server came here, as one of its lines begins so. A page in the browser of somebody on this machine can
 * send one to the port, commands in its body: nothing behind such a line is executed, as in Redis.
 */
function isHttp(batch: RequestBatch, at: number): boolean {
  const name = shown(argumentOf(batch, batch.firstArgument[at]!), 8).toLowerCase();
  return name === 'host:' || name === 'post';
}

function endHttp(session: Session): RespError {
  session.server.log.warn({ client: session.id }, 'closing a client that speaks HTTP to the Redis port');
  session.closeAfterReply();
  return new RespError('ERR this port speaks the Redis protocol, not HTTP');
}

/** Word for word as Redis, which shows at most some 128 bytes of the arguments. */
function unknownCommand(batch: RequestBatch, at: number): RespError {
  const first = batch.firstArgument[at]!;
  const end = batch.firstArgument[at + 1]!;
  let args = '';
  for (let i = first + 1; i < end && args.length < 128; i++) {
    args += `'${shown(argumentOf(batch, i), 128 - args.length)}' `;
  }
  const name = shown(argumentOf(batch, first), 128);
  return new RespError(`ERR unknown command '${name}', with args beginning with: ${args}`);
}

/** Whether a command writes so much to its keys that it is better done in slices; a store without a log takes it in one piece. */
export function isLargeWrite(entry: CommandEntry, batch: RequestBatch, at: number, store: Store): boolean {
  if (!entry.isWrite || entry.command.scope !== 'keys' || store.durability === 'memory') return false;
  return batch.argumentBytes(at) > LARGE_STRING_BYTES;
}

/** Keys of the first command of `batch`. */
export function keysOf(entry: CommandEntry, batch: RequestBatch): readonly Bytes[] {
  const first = batch.firstArgument[0]!;
  return keyPositions(entry, batch.argumentCount(0)).map((position) => argumentOf(batch, first + position));
}

function argumentOf(batch: RequestBatch, argument: number): Bytes {
  const start = batch.starts[argument]!;
  return batch.buffer.subarray(start, start + batch.lengths[argument]!);
}

/** The databases that a command works on, as it takes them; `database` gives one by its number in the store. */
export function databasesOf(
  session: Session,
  entry: CommandEntry,
  database: (stored: number) => Database,
): Database | readonly Database[] {
  const { partitions, databases } = session.server;
  const { scope } = entry.command;
  if (scope === 'keys') return database(databases.stored(session.database));
  if (scope === 'database') return [database(databases.stored(session.database))];
  return Array.from({ length: partitions.databases }, (_, number) => database(number));
}

/** Runs `work` as a turn of the partitions that hold the command's keys. @returns false when it could not begin at once. */
export function enterPartitions(
  context: ExecutionContext,
  session: Session,
  entry: CommandEntry,
  batch: RequestBatch,
  at: number,
  work: PartitionWork,
): boolean {
  const { partitions, databases } = context.server;
  const selected = databases.stored(session.database);
  if (entry.command.scope !== 'keys') {
    const all = entry.command.scope === 'database' ? [selected] : [...Array(partitions.databases).keys()];
    return partitions.runAll(
      all.flatMap((database) => partitions.partitionsOf(database)),
      work,
    );
  }
  const first = batch.firstArgument[at]!;
  const count = batch.argumentCount(at);
  const last = entry.lastKey < 0 ? count + entry.lastKey : entry.lastKey;
  const partition = partitionOf(context, selected, batch, first + entry.firstKey);
  if (entry.firstKey >= last) return partitions.run(partition, work);
  const numbers = context.partitions;
  numbers.length = 0;
  numbers.push(partition);
  for (let i = entry.firstKey + entry.keyStep; i <= last; i += entry.keyStep) {
    const next = partitionOf(context, selected, batch, first + i);
    if (!numbers.includes(next)) numbers.push(next);
  }
  if (numbers.length === 1) return partitions.run(partition, work);
  return partitions.runAll(
    numbers.sort((a, b) => a - b),
    work,
  );
}

function partitionOf(context: ExecutionContext, database: number, batch: RequestBatch, argument: number): number {
  const start = batch.starts[argument]!;
  return context.server.partitions.partitionOf(database, batch.buffer, start, start + batch.lengths[argument]!);
}
