/** The subcommands of CLIENT about client side caching, one row each. */

import { type Bytes, latin1 } from '../../base/bytes.ts';
import { parseInt64 } from '../../models/keyvalue/integers.ts';
import { described } from './arguments.ts';
import type { TrackingOptions } from './client-tracking.ts';
import { sessionCommand } from './command.ts';
import { NOT_AN_INTEGER, RespError, SYNTAX_ERROR } from './errors.ts';
import { bytesTree, integer, mapTree, ok, setTree, tree } from './replies.ts';
import type { Session } from './session.ts';

const FLAGS = ['noscript', 'loading', 'stale'] as const;

const trackingWords = described(
  [
    {
      name: 'status',
      type: 'oneof',
      arguments: [
        { name: 'on', type: 'pure-token', token: 'ON' },
        { name: 'off', type: 'pure-token', token: 'OFF' },
      ],
    },
    { name: 'client-id', type: 'integer', token: 'REDIRECT', flags: ['optional'] },
    { name: 'prefix', type: 'string', token: 'PREFIX', flags: ['optional', 'multiple', 'multiple_token'] },
    ...['BCAST', 'OPTIN', 'OPTOUT', 'NOLOOP'].map((token) => ({
      name: token.toLowerCase(),
      type: 'pure-token',
      token,
      flags: ['optional'],
    })),
  ],
  (cursor) => {
    const given: Bytes[] = [];
    while (cursor.remaining > 0) given.push(cursor.bytes());
    return given;
  },
  { minimum: 1 },
);

/** Redis looks at options before it looks at ON and OFF, and at clients while it looks at options. */
function optionsOf(session: Session, [first, ...rest]: readonly Bytes[]): TrackingOptions | 'off' {
  const status = latin1(first!).toUpperCase();
  let redirect: Session | undefined;
  const prefixes: string[] = [];
  const flags = { BCAST: false, OPTIN: false, OPTOUT: false, NOLOOP: false };
  for (let i = 0; i < rest.length; i++) {
    const word = latin1(rest[i]!).toUpperCase();
    const next = rest[i + 1];
    if (isKeyOf(flags, word)) flags[word] = true;
    else if (word === 'REDIRECT' && next !== undefined) {
      if (redirect !== undefined) throw new RespError('ERR A client can only redirect to a single other client');
      redirect = clientOf(session, next);
      i++;
    } else if (word === 'PREFIX' && next !== undefined) {
      prefixes.push(latin1(next));
      i++;
    } else throw new RespError(SYNTAX_ERROR);
  }
  if (status === 'OFF') return 'off';
  if (status !== 'ON') throw new RespError(SYNTAX_ERROR);
  return {
    redirect,
    broadcasts: flags.BCAST,
    prefixes,
    optIn: flags.OPTIN,
    optOut: flags.OPTOUT,
    noLoop: flags.NOLOOP,
  };
}

function isKeyOf<T extends object>(object: T, name: string): name is Extract<keyof T, string> {
  return Object.hasOwn(object, name);
}

function clientOf(session: Session, given: Bytes): Session {
  const id = parseInt64(given, 0, given.length);
  if (id === undefined) throw new RespError(NOT_AN_INTEGER);
  for (const client of session.server.clients) if (client.id === id) return client;
  throw new RespError('ERR The client ID you want redirect to does not exist');
}

/** The client that messages go to: its id, 0 for the client itself, -1 for one that does not track. */
export function redirectOf(session: Session): number {
  const tracking = session.server.tracking.of(session);
  return tracking === undefined ? -1 : (tracking.redirect?.id ?? 0);
}

export const trackingCommands = {
  TRACKING: sessionCommand({
    summary: 'Enable or disable server assisted client side caching support',
    since: '6.0.0',
    group: 'connection',
    complexity: 'O(1). Some options may introduce additional complexity.',
    flags: FLAGS,
    args: { words: trackingWords },
    reply: ok,
    run: (session, { words }) => {
      const options = optionsOf(session, words);
      if (options === 'off') session.server.tracking.end(session);
      else session.server.tracking.begin(session, options);
    },
  }),
  TRACKINGINFO: sessionCommand({
    summary: 'Return information about server assisted client side caching for the current connection',
    since: '6.2.0',
    group: 'connection',
    complexity: 'O(1)',
    flags: FLAGS,
    args: {},
    reply: tree,
    run: (session) => {
      const tracking = session.server.tracking.of(session);
      const flags = [tracking === undefined ? 'off' : 'on'];
      if (tracking?.broadcasts) flags.push('bcast');
      if (tracking?.optIn) flags.push('optin');
      if (tracking?.optIn && tracking.caching) flags.push('caching-yes');
      if (tracking?.optOut) flags.push('optout');
      if (tracking?.optOut && tracking.caching) flags.push('caching-no');
      if (tracking?.noLoop) flags.push('noloop');
      if (tracking?.redirectBroken) flags.push('broken_redirect');
      const prefixes = tracking?.prefixes ?? [];
      return mapTree([
        ['flags', setTree(flags)],
        ['redirect', redirectOf(session)],
        ['prefixes', prefixes.map((prefix) => bytesTree(Buffer.from(prefix, 'latin1')))],
      ]);
    },
  }),
  GETREDIR: sessionCommand({
    summary: 'Get tracking notifications redirection client ID if any',
    since: '6.0.0',
    group: 'connection',
    complexity: 'O(1)',
    flags: FLAGS,
    args: {},
    reply: integer,
    run: redirectOf,
  }),
  CACHING: sessionCommand({
    summary: 'Instruct the server about tracking or not keys in the next request',
    since: '6.0.0',
    group: 'connection',
    complexity: 'O(1)',
    flags: FLAGS,
    args: {
      mode: described(
        [
          {
            name: 'mode',
            type: 'oneof',
            arguments: [
              { name: 'yes', type: 'pure-token', token: 'YES' },
              { name: 'no', type: 'pure-token', token: 'NO' },
            ],
          },
        ],
        (cursor) => cursor.text().toUpperCase(),
        { minimum: 1, fixed: true },
      ),
    },
    reply: ok,
    run: (session, { mode }) => {
      const tracking = session.server.tracking.of(session);
      if (tracking === undefined) {
        throw new RespError(
          'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled',
        );
      }
      if (mode !== 'YES' && mode !== 'NO') throw new RespError(SYNTAX_ERROR);
      const wanted = mode === 'YES' ? 'OPTIN' : 'OPTOUT';
      if (mode === 'YES' ? !tracking.optIn : !tracking.optOut) {
        throw new RespError(`ERR CLIENT CACHING ${mode} is only valid when tracking is enabled in ${wanted} mode.`);
      }
      tracking.caching = true;
    },
  }),
};
