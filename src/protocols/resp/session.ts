/** What a command that concerns the connection may see and change, and what all connections of a listener share. */

import type { ActorRuntime } from '../../actors/actor.ts';
import type { KeyspacePartitions } from '../../actors/families/keyspace-partition.ts';
import { type Awaitable, whenReady } from '../../base/awaitable.ts';
import type { Log } from '../../base/log.ts';
import type { LookupCounts } from '../../models/keyvalue/database.ts';
import type { Platform } from '../../platform/platform.ts';
import type { AccessLog } from './access-log.ts';
import { DEFAULT_USER, type Principal, type Principals } from './authentication.ts';
import type { ClientPause } from './client-pause.ts';
import type { ClientTracking } from './client-tracking.ts';
import type { ClientTransaction } from './client-transaction.ts';
import type { CommandEntry, CommandTable } from './command.ts';
import type { Databases } from './databases.ts';
import type { IdleClients } from './idle-clients.ts';
import type { LatencyMonitor } from './latency-monitor.ts';
import type { Monitors } from './monitors.ts';
import type { ProtocolVersion } from './reply-writer.ts';
import type { RequestLimits } from './request-parser.ts';
import { REQUEST_LIMITS } from './request-parser.ts';
import type { ScanCursors } from './scan-cursors.ts';
import type { SlowLog } from './slow-log.ts';
import type { WatchedKeys } from './watched-keys.ts';

export interface RespLimits extends RequestLimits {
  /** Bytes received and not yet executed, of one connection; more ends it. */
  readonly inputBytesMax: number;
  /** Bytes of replies that the client has not read; more ends the connection. */
  readonly outputBytesMax: number;
  /** Bytes kept for all clients together, received and not executed, or not read; beyond it the one with most is dropped. */
  readonly clientBytesMax: number;
  /** Bytes of replies that wait until they are durable; more pauses reading. */
  readonly undurableBytesMax: number;
  /** Time to authenticate, where that is required, milliseconds; 0 is without limit. */
  readonly loginMs: number;
}

export const RESP_LIMITS: RespLimits = {
  ...REQUEST_LIMITS,
  inputBytesMax: 1024 * 1024 * 1024,
  outputBytesMax: 640 * 1024 * 1024,
  clientBytesMax: 1024 * 1024 * 1024,
  undurableBytesMax: 1024 * 1024,
  loginMs: 30_000,
};

/** Facts for HELLO and INFO. */
export interface RespServerInfo {
  /** Version of this server. */
  readonly version: string;
  readonly processId: number;
  readonly port: number;
  /** Clients at once; more are refused. */
  readonly connectionsMax: number;
  /** 40 hexadecimal digits, new with every start. */
  readonly runId: string;
  readonly startedAtMs: number;
  /** Resident memory, bytes. */
  memoryBytes(): number;
  /** The most of it so far. */
  memoryPeakBytes(): number;
  /** Memory of the machine. */
  readonly systemMemoryBytes: number;
  /** The operating system and its release. */
  readonly system: string;
  /** Time of processors that the process has taken, microseconds. */
  processorMicros(): { readonly user: number; readonly system: number };
}

/** The Redis whose commands and replies are the measure; what HELLO and INFO call the version. */
export const REDIS_VERSION = '7.2.0';

/** Counts since opening. */
export interface RespCounters {
  connectionsAccepted: number;
  connectionsOpen: number;
  commands: number;
  errors: number;
  /** Of them, so many of each kind: `WRONGTYPE`. */
  readonly errorsByPrefix: Map<string, number>;
  readonly lookups: LookupCounts;
  bytesReceived: number;
  bytesSent: number;
  /** Dropped for what was kept for them. */
  clientsEvicted: number;
}

/** Actors may answer with prefixes of their own. */
const ERROR_PREFIXES_MAX = 128;

/** An error line is sent. */
export function countError(counters: RespCounters, line: string): void {
  counters.errors++;
  const end = line.indexOf(' ');
  const prefix = end === -1 ? line : line.slice(0, end);
  const { errorsByPrefix: counts } = counters;
  const count = counts.get(prefix);
  if (count !== undefined || counts.size < ERROR_PREFIXES_MAX) counts.set(prefix, (count ?? 0) + 1);
}

/** Which replies a client wants (CLIENT REPLY): all, none, all but this command's and the next one's, or all but this one's. */
export type ReplyMode = 'on' | 'off' | 'skipNext' | 'skip';

export interface RespServer {
  readonly partitions: KeyspacePartitions;
  readonly platform: Pick<Platform, 'clock' | 'random' | 'timers' | 'sockets'>;
  /** CONFIG SET replaces them. */
  limits: RespLimits;
  readonly principals: Principals;
  readonly info: RespServerInfo;
  readonly commands: CommandTable;
  readonly counters: RespCounters;
  readonly databases: Databases;
  readonly watchedKeys: WatchedKeys;
  readonly tracking: ClientTracking;
  readonly scanCursors: ScanCursors;
  readonly slowLog: SlowLog;
  readonly latency: LatencyMonitor;
  readonly accessLog: AccessLog;
  readonly monitors: Monitors;
  readonly pause: ClientPause;
  readonly idleClients: IdleClients;
  /** Everyone connected, in order of arrival. */
  readonly clients: Iterable<Session>;
  /** For ACTOR.CALL. */
  readonly actors: ActorRuntime | undefined;
  readonly log: Log;
}

export interface Session {
  readonly id: number;
  readonly server: RespServer;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Of this server, as the client reached it. */
  readonly localAddress: string;
  readonly localPort: number;
  database: number;
  protocol: ProtocolVersion;
  name: string;
  libraryName: string;
  libraryVersion: string;
  principal: Principal | undefined;
  replyMode: ReplyMode;
  /** CLIENT NO-EVICT: it is not dropped where all clients together exceed their memory. */
  isSpared: boolean;
  /** CLIENT NO-TOUCH: only shown, as no access is noted in any mode. */
  touchesNothing: boolean;
  /** The highest version that replies not sent yet depend on. */
  observedVersion: number;
  readonly transaction: ClientTransaction;
  /** Nobody is there any more. */
  readonly isClosed: boolean;
  readonly connectedAtMs: number;
  /** When it last sent something, milliseconds since 1970. */
  readonly activeAtMs: number;
  readonly lastCommand: CommandEntry | undefined;
  /** A command of it waits: for a pause, a lock, a disk. */
  readonly isWaiting: boolean;
  /** Bytes received and not executed, and bytes of replies not sent. */
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** Ends the connection at once; its own, behind the reply of this command. */
  kill(by: Session): void;
  /** Ends the connection at once. */
  disconnect(): void;
  /** Sends a message of the server's own, behind all replies so far and that of a command that is running. */
  push(message: Buffer): void;
  /** Sends what MONITOR shows, behind all replies so far. A client that does not read it is cut off. */
  show(line: Buffer): void;
  /** Closes the connection behind the reply of this command. */
  closeAfterReply(): void;
}

/** Somebody is told of changes to keys: whoever writes hands them to the store before others take their turn. */
export function isObserved({ watchedKeys, tracking }: RespServer): boolean {
  return watchedKeys.isActive || tracking.isActive;
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** @returns whether the credentials were right; then the session has their principal. */
export function authenticate(session: Session, command: string, { user, password }: Credentials): Awaitable<boolean> {
  const { principals, accessLog } = session.server;
  // Where nobody is configured there is one user, as in Redis, and any password is right.
  const isNobody = !principals.required && user !== DEFAULT_USER;
  return whenReady(isNobody ? undefined : principals.verify(user, password), (principal) => {
    if (principal === undefined) accessLog.noteRefused(session, command, user);
    else session.principal = principal;
    return principal !== undefined;
  });
}
