/** The platform of the machine: Node's own clock, chance, timers, files and sockets. */

import { randomBytes, randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
// The global of the same name is looked up anew with each use.
import { performance } from 'node:perf_hooks';
import { assert } from '../base/assert.ts';
import { NodeFiles, type NodeFilesOptions } from './node-files.ts';
import { NodeSockets } from './node-sockets.ts';
import { nodeTimers } from './node-timers.ts';
import type { Clock, Platform, Random } from './platform.ts';

const clock: Clock = {
  nowMs: Date.now,
  monotonicNs: process.hrtime.bigint,
  monotonicMs: () => performance.now(),
};

const random: Random = {
  float: Math.random,
  int(bound) {
    assert(bound >= 1 && bound <= 2 ** 32, () => `a random integer below ${bound}`);
    return Math.floor(Math.random() * bound);
  },
  // A fresh ArrayBuffer: small results of `randomBytes` share Node's pool.
  bytes: (length) => new Uint8Array(randomBytes(length)),
  uuid: () => randomUUID(),
};

/** One per process is enough; several are independent but for the file locks they contend for. */
export function newNodePlatform(options: { readonly files?: NodeFilesOptions } = {}): Platform {
  return { clock, random, timers: nodeTimers, files: new NodeFiles(options.files), sockets: new NodeSockets() };
}

/** Where files that need no name of the user's may go. */
export const temporaryDirectory = tmpdir;
