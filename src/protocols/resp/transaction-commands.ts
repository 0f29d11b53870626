/** MULTI and what belongs to it, one row each. Source: https://redis.io/docs/latest/commands/?group=transactions */

import { key, many } from './arguments.ts';
import { execReply } from './client-transaction.ts';
import { sessionCommand } from './command.ts';
import { ok } from './replies.ts';

export const transactionCommands = {
  MULTI: sessionCommand({
    summary: 'Mark the start of a transaction block',
    since: '1.2.0',
    group: 'transactions',
    complexity: 'O(1)',
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    args: {},
    reply: ok,
    runsInMulti: true,
    run: (session) => session.transaction.begin(),
  }),
  EXEC: sessionCommand({
    summary: 'Execute all commands issued after MULTI',
    since: '1.2.0',
    group: 'transactions',
    complexity: 'Depends on commands in the transaction',
    flags: ['noscript', 'loading', 'stale', 'skip_slowlog'],
    args: {},
    reply: execReply,
    runsInMulti: true,
    run: (session) => session.transaction.exec(session),
  }),
  DISCARD: sessionCommand({
    summary: 'Discard all commands issued after MULTI',
    since: '2.0.0',
    group: 'transactions',
    complexity: 'O(N), when N is the number of queued commands',
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    args: {},
    reply: ok,
    runsInMulti: true,
    run: (session) => session.transaction.discard(session),
  }),
  WATCH: sessionCommand({
    summary: 'Watch the given keys to determine execution of the MULTI/EXEC block',
    since: '2.2.0',
    group: 'transactions',
    complexity: 'O(1) for every key.',
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    keyFlags: ['RO'],
    args: { key: many(key) },
    reply: ok,
    runsInMulti: true,
    run: (session, { key: keys }) => session.transaction.watch(session, keys),
  }),
  UNWATCH: sessionCommand({
    summary: 'Forget about all watched keys',
    since: '2.2.0',
    group: 'transactions',
    complexity: 'O(1)',
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    args: {},
    reply: ok,
    run: (session) => session.transaction.unwatch(session),
  }),
};
