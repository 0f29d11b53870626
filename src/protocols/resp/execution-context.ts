/**
 * What the connections of one listener share: writer, parsed batch, cursor and the reused turn. A stretch is synchronous, so
 * whoever executes one owns all of it until the stretch ends.
 *
 * A room of its own because it belongs to the listener; what it knows of a connection is `Member`.
 */

import type { PartitionWork } from '../../actors/families/keyspace-partition.ts';
import { CommitFailed, WouldWait } from '../../actors/families/partition-commit.ts';
import { OperationError } from '../../base/errors.ts';
import type { Roster } from '../../base/roster.ts';
import type { Database } from '../../models/keyvalue/database.ts';
import { LoginDeadlines } from '../login-deadlines.ts';
import { ArgumentCursor } from './arguments.ts';
import type { CommandEntry } from './command.ts';
import { DurableWaits } from './durable-waits.ts';
import { RespError } from './errors.ts';
import { QuickCommands } from './quick-commands.ts';
import { ReplyWriter } from './reply-writer.ts';
import { RequestBatch } from './request-parser.ts';
import type { RespServer, Session } from './session.ts';
import { SpareBuffers } from './spare-buffers.ts';

/** A connection, as the listener and its memory bound see it. */
export interface Member {
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** It has its own bounds only. */
  readonly isSpared: boolean;
  /** Ends the connection for what is kept for it. */
  evict(): void;
  /** Answers what has been received and closes. */
  drain(): void;
}

export class ExecutionContext {
  readonly server: RespServer;
  readonly writer = new ReplyWriter();
  readonly batch = new RequestBatch();
  readonly inputMemory = new SpareBuffers();
  readonly cursor = new ArgumentCursor();
  readonly partitions: number[] = [];
  readonly durableWaits = new DurableWaits();
  readonly quick: QuickCommands;
  readonly connections: Roster<Member & Session>;
  readonly deadlines: LoginDeadlines;
  /** Told whenever a connection has closed. */
  onConnectionClosed: () => void = () => {};
  work: CommandWork;
  #nextId = 1;

  constructor(server: RespServer, connections: Roster<Member & Session>) {
    this.server = server;
    this.connections = connections;
    this.deadlines = new LoginDeadlines(server.platform, server.limits.loginMs);
    this.work = new CommandWork(this.writer);
    this.quick = new QuickCommands(server, this.writer);
  }

  nextId(): number {
    return this.#nextId++;
  }

  /** Drops clients, those first for which most is kept, until it is within the bound for all (Redis: `maxmemory-clients`). */
  boundClients(): void {
    const kept = (client: Member) => client.inputBytes + client.outputBytes;
    let total = 0;
    for (const client of this.connections) if (!client.isSpared) total += kept(client);
    const { clientBytesMax } = this.server.limits;
    if (total <= clientBytesMax) return;
    const droppable = [...this.connections].filter(({ isSpared }) => !isSpared);
    for (const client of droppable.sort((a, b) => kept(b) - kept(a))) {
      if (total <= clientBytesMax) return;
      total -= kept(client);
      client.evict();
    }
  }

  /** The partition may still run the work it has queued: it finds it abandoned. */
  abandonWork(): void {
    this.work.abandoned = true;
    this.work = new CommandWork(this.writer);
  }
}

/** One command as a turn; reused for every command that runs at once. */
class CommandWork implements PartitionWork {
  abandoned = false;
  entry: CommandEntry | undefined;
  on: Database | readonly Database[] | undefined;
  args: Readonly<Record<string, unknown>> = {};
  /** What the command answered with instead of a reply. */
  error: RespError | OperationError | WouldWait | CommitFailed | undefined;
  readonly #writer: ReplyWriter;

  constructor(writer: ReplyWriter) {
    this.#writer = writer;
  }

  run(): void {
    if (this.abandoned) return;
    this.error = undefined;
    const entry = this.entry!;
    try {
      entry.writeReply(this.#writer, entry.run(this.on!, this.args));
    } catch (error) {
      if (!isExpected(error)) throw error; // A bug: the activation ends with it, and answers `actor_failed`.
      this.error = error;
    }
  }
}

function isExpected(error: unknown): error is RespError | OperationError | WouldWait | CommitFailed {
  return (
    error instanceof RespError ||
    error instanceof OperationError ||
    error instanceof WouldWait ||
    error instanceof CommitFailed
  );
}
