/**
 * A lock file that dies with its process.
 *
 * Node has no `flock`, so the file tells who holds it, and whoever finds it decides whether that process still lives:
 *
 *   {"id":"…","pid":4711,"startTicks":"81234","boot":"…","pidNamespace":"pid:[4026531836]","host":"db-1"}
 *
 * A process is the same one if it has the same pid and the same start time (field 22 of /proc/pid/stat): a reused pid
 * does not hold. After a reboot, or when a container of the same host name was started again, the holder is gone. A
 * holder on another host, or in a container of another name, cannot be observed: it counts as alive, and the hint tells
 * what to do when it is not. Without /proc, the pid alone decides.
 *
 * Atomic in both steps. Creating: the complete file is linked to its name, which fails when the name is taken, so no one
 * ever reads half a lock. Taking over a dead holder's file: only under a second lock, named after the id in the file,
 * and only if the file still holds that id. So of many that find it dead one replaces it, and a taker that dies half way
 * is itself taken over.
 */

import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { hostname } from 'node:os';
import { OperationError } from '../base/errors.ts';
import type { FileLock } from './files.ts';
import { fileError, systemCode } from './system-error.ts';

interface Holder {
  /** Of this acquisition; no two are alike. */
  readonly id: string;
  readonly pid: number;
  readonly startTicks?: string;
  readonly boot?: string;
  readonly pidNamespace?: string;
  readonly host: string;
}

/** Ids that this process holds: tells ourselves from an earlier process of our pid where there is no /proc. */
const held = new Set<string>();

/** @throws OperationError `store_locked` naming the holder's pid. */
export async function lockFile(path: string): Promise<FileLock> {
  try {
    return await acquire(path, await describeThisProcess(), path);
  } catch (error) {
    throw fileError(error, 'lock', path);
  }
}

/** `shown` is the path that messages name: the user asked for that one, not for the guard of a takeover. */
async function acquire(path: string, self: Holder, shown: string): Promise<FileLock> {
  const own = `${path}.${self.id}.tmp`;
  try {
    await fs.writeFile(own, `${JSON.stringify(self)}\n`, { flag: 'wx', mode: 0o600 });
    for (;;) {
      if (await linkedNow(own, path)) break;
      const holder = await readHolder(path);
      if (holder === undefined) continue; // Released between the two calls.
      if (holder !== 'unreadable' && (await isAlive(holder, self))) throw lockedBy(shown, holder, self);
      if (await replaced(path, holder, own, self, shown)) break;
    }
  } finally {
    await fs.rm(own, { force: true });
  }
  held.add(self.id);
  return {
    async release() {
      if (!held.delete(self.id)) return;
      try {
        await fs.rm(path, { force: true });
      } catch (error) {
        throw fileError(error, 'release lock', path);
      }
    },
  };
}

async function linkedNow(own: string, path: string): Promise<boolean> {
  try {
    await fs.link(own, path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Puts `own` in the place of a dead holder's file; false when someone else was faster. */
async function replaced(
  path: string,
  dead: Holder | 'unreadable',
  own: string,
  self: Holder,
  shown: string,
): Promise<boolean> {
  const guard = await acquire(`${path}.${idOf(dead)}`, { ...self, id: randomUUID() }, shown);
  try {
    const now = await readHolder(path);
    if (now === undefined || idOf(now) !== idOf(dead)) return false;
    await fs.rename(own, path);
    return true;
  } finally {
    await guard.release();
  }
}

function idOf(holder: Holder | 'unreadable'): string {
  return holder === 'unreadable' ? holder : holder.id;
}

/** A file that does not decode was cut by a power loss: live holders write theirs whole before it has the name. */
async function readHolder(path: string): Promise<Holder | 'unreadable' | undefined> {
  let text: string;
  try {
    text = await fs.readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const holder: unknown = JSON.parse(text);
    return isHolder(holder) ? holder : 'unreadable';
  } catch {
    return 'unreadable';
  }
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== 'object' || value === null) return false;
  const holder = value as Partial<Record<keyof Holder, unknown>>;
  const texts = [holder.startTicks, holder.boot, holder.pidNamespace];
  return (
    typeof holder.id === 'string' &&
    /^[0-9a-f-]{36}$/.test(holder.id) && // It becomes part of a file name.
    Number.isSafeInteger(holder.pid) &&
    (holder.pid as number) > 0 &&
    typeof holder.host === 'string' &&
    texts.every((text) => text === undefined || typeof text === 'string')
  );
}

async function isAlive(holder: Holder, self: Holder): Promise<boolean> {
  if (holder.host !== self.host) return true; // Not observable from here.
  if (holder.boot !== self.boot) return false;
  if (holder.pidNamespace !== self.pidNamespace) return false;
  const status = await statusOf(holder.pid);
  if (status !== undefined) return !status.dead && status.startTicks === holder.startTicks;
  if (holder.pid === process.pid) return held.has(holder.id);
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM'; // It lives, and belongs to someone else.
  }
}

function lockedBy(path: string, holder: Holder, self: Holder): OperationError {
  if (holder.host !== self.host) {
    return new OperationError('store_locked', `${path} is in use by process ${holder.pid} on ${holder.host}`, {
      hint: `If that process no longer runs, remove ${path}.`,
    });
  }
  const who = holder.pid === process.pid ? `this process (${holder.pid})` : `process ${holder.pid}`;
  return new OperationError('store_locked', `${path} is in use by ${who}`, {
    hint: 'Stop that process, or start this one with another data directory.',
  });
}

async function describeThisProcess(): Promise<Holder> {
  const startTicks = (await statusOf(process.pid))?.startTicks;
  const boot = await textOr(fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8'));
  const pidNamespace = await textOr(fs.readlink('/proc/self/ns/pid'));
  return {
    id: randomUUID(),
    pid: process.pid,
    host: hostname(),
    ...(startTicks === undefined ? {} : { startTicks }),
    ...(boot === undefined ? {} : { boot }),
    ...(pidNamespace === undefined ? {} : { pidNamespace }),
  };
}

interface ProcessStatus {
  /** In clock ticks since boot. */
  readonly startTicks: string | undefined;
  /** Ended, and not yet collected by its parent. */
  readonly dead: boolean;
}

/** Undefined when the process is gone, hidden from this user, or there is no /proc. */
async function statusOf(pid: number): Promise<ProcessStatus | undefined> {
  const stat = await textOr(fs.readFile(`/proc/${pid}/stat`, 'latin1'));
  if (stat === undefined) return undefined;
  // pid (name) state ppid …: the name may hold anything, parentheses included, so count from its last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields; // Field 3 of proc(5), so field 22 is at 19.
  return { startTicks: fields[19], dead: state === 'Z' || state === 'X' };
}

async function textOr(read: Promise<string>): Promise<string | undefined> {
  try {
    return (await read).trim();
  } catch {
    return undefined;
  }
}
