/** A client as CLIENT LIST and CLIENT INFO show it. Source: https://redis.io/docs/latest/commands/client-list/ */

import type { Session } from './session.ts';
import { redirectOf } from './tracking-commands.ts';

export function addressOf({ remoteAddress, remotePort }: Session): string {
  return shownAddress(remoteAddress, remotePort);
}

/** Of this server, as the client reached it. */
export function localAddressOf({ localAddress, localPort }: Session): string {
  return shownAddress(localAddress, localPort);
}

function shownAddress(address: string, port: number): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function flagsOf(session: Session): string {
  const tracking = session.server.tracking.of(session);
  let flags = '';
  if (session.server.monitors.has(session)) flags += 'O';
  if (session.transaction.isQueueing) flags += 'x';
  if (session.isWaiting) flags += 'b';
  if (tracking !== undefined) flags += 't';
  if (tracking?.redirectBroken) flags += 'R';
  if (tracking?.broadcasts) flags += 'B';
  if (session.transaction.isStale) flags += 'd';
  if (session.isSpared) flags += 'e';
  if (session.touchesNothing) flags += 'T';
  return flags === '' ? 'N' : flags;
}

/** As Redis has it for clients without a socket of their own: here the descriptor belongs to the platform. */
const NO_DESCRIPTOR = -1;

/** One line of CLIENT LIST. The buffers that Redis keeps for each client take nothing here, as all clients share theirs. */
export function clientLine(session: Session): string {
  const nowMs = session.server.platform.clock.nowMs();
  const seconds = (sinceMs: number): number => Math.max(0, Math.floor((nowMs - sinceMs) / 1_000));
  const fields: Readonly<Record<string, string | number>> = {
    id: session.id,
    addr: addressOf(session),
    laddr: localAddressOf(session),
    fd: NO_DESCRIPTOR,
    name: session.name,
    age: seconds(session.connectedAtMs),
    idle: seconds(session.activeAtMs),
    flags: flagsOf(session),
    db: session.database,
    sub: 0,
    psub: 0,
    ssub: 0,
    multi: session.transaction.length,
    qbuf: session.inputBytes,
    'qbuf-free': 0,
    'argv-mem': 0,
    'multi-mem': session.transaction.queuedBytes,
    rbs: 0,
    rbp: 0,
    obl: 0,
    oll: session.outputBytes > 0 ? 1 : 0,
    omem: session.outputBytes,
    'tot-mem': session.inputBytes + session.outputBytes + session.transaction.queuedBytes,
    events: session.outputBytes > 0 ? 'rw' : 'r',
    cmd: session.lastCommand?.name ?? 'NULL',
    user: session.principal?.name ?? '',
    redir: redirectOf(session),
    resp: session.protocol,
    'lib-name': session.libraryName,
    'lib-ver': session.libraryVersion,
  };
  return `${Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')}\n`;
}
