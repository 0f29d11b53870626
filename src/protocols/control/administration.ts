/**
 * What an operator asks of stores: the keys they hold, a backup. Runs inside the server that has them open, or, when none
 * is running, in the command that opened them itself.
 */

import { join } from 'node:path';
import { OperationError } from '../../base/errors.ts';
import { loadNames } from '../../models/relational/names.ts';
import type { Platform } from '../../platform/platform.ts';
import { writeBackup } from '../../storage/backup.ts';
import { formatKeyPath, parseKeyPathPrefix } from '../../storage/key-path.ts';
import { ALL_KEYS } from '../../storage/key-range.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import { LocalStore } from '../../storage/local-store.ts';
import type { Store } from '../../storage/store.ts';

export type AdministrationRequest =
  | {
      readonly command: 'keys';
      readonly provider?: string | undefined;
      readonly prefix?: string | undefined;
      readonly limit?: number | undefined;
    }
  | { readonly command: 'backup'; readonly directory: string }
  | { readonly command: 'transaction'; readonly id: string; readonly provider?: string | undefined };

export interface Administered {
  readonly platform: Platform;
  readonly keyspace: Keyspace;
  readonly stores: ReadonlyMap<string, Store>;
  readonly defaultProvider: string;
}

export type Out = (line: string) => void;

/** Carries out a request, writing lines as it goes. @throws OperationError. */
export async function administer(administered: Administered, request: AdministrationRequest, out: Out): Promise<void> {
  switch (request.command) {
    case 'keys':
      return printKeys(administered, request, out);
    case 'backup':
      return backUp(administered, request.directory, out);
    case 'transaction':
      return tellOutcome(administered, request, out);
  }
}

async function printKeys(
  administered: Administered,
  request: Extract<AdministrationRequest, { command: 'keys' }>,
  out: Out,
): Promise<void> {
  const store = requireStore(administered, request.provider);
  const { keyspace, platform } = administered;
  const snapshot = store.begin({ readOnly: true, label: 'keys' });
  try {
    const names = await loadNames(snapshot, keyspace);
    const range = request.prefix === undefined ? ALL_KEYS : parseKeyPathPrefix(request.prefix, keyspace, names);
    const cursor = snapshot.scan(range, {
      keysOnly: true,
      ...(request.limit === undefined ? {} : { limit: request.limit }),
    });
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      for (const { key } of batch) out(formatKeyPath(key, keyspace, names));
      await platform.timers.yield();
    }
  } finally {
    snapshot.rollback();
  }
}

function requireStore(administered: Administered, name = administered.defaultProvider): Store {
  const store = administered.stores.get(name);
  if (store !== undefined) return store;
  throw new OperationError('not_found', `no provider named ${name} is open`, {
    hint: `Open are: ${[...administered.stores.keys()].join(', ')}.`,
  });
}

/** What became of a transaction whose commit was unknown. */
async function tellOutcome(
  administered: Administered,
  { id, provider }: Extract<AdministrationRequest, { command: 'transaction' }>,
  out: Out,
): Promise<void> {
  const able = [...administered.stores.values()].find((store) => store.outcomeOf !== undefined);
  const store = provider === undefined && able !== undefined ? able : requireStore(administered, provider);
  if (store.outcomeOf === undefined) {
    throw new OperationError('unsupported', `provider ${store.name} keeps no outcomes of transactions`, {
      hint: 'A commit there is unknown only when the process ends or its disk fails: read what it wrote.',
    });
  }
  out((await store.outcomeOf(id)) === 'committed' ? 'committed' : 'rolled back');
}

/** One directory per store, each a cut of its own. */
async function backUp(administered: Administered, directory: string, out: Out): Promise<void> {
  for (const [name, store] of administered.stores) {
    if (!store.supports.persistent) {
      out(`${name}: not backed up, it keeps nothing (memory)`);
      continue;
    }
    if (!(store instanceof LocalStore)) {
      out(`${name}: not backed up, its cluster has tools of its own (TiKV: br)`);
      continue;
    }
    await writeBackup(store, administered.platform, join(directory, name), (message) => out(`${name}: ${message}`));
  }
}
