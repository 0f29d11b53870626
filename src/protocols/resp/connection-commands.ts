/** Commands that concern the connection, one row each. Source: https://redis.io/docs/latest/commands/?group=connection */

import { whenReady } from '../../base/awaitable.ts';
import { asBuffer, type Bytes } from '../../base/bytes.ts';
import { type Argument, bytes, described, ignored, integer as integerArgument, optional, text } from './arguments.ts';
import { ANYONE, DEFAULT_USER } from './authentication.ts';
import { listFilter, victims } from './client-filters.ts';
import { clientLine } from './client-line.ts';
import type { PauseMode } from './client-pause.ts';
import { containerCommand, sessionCommand } from './command.ts';
import { RespError, SYNTAX_ERROR } from './errors.ts';
import { bulk, integer, mapTree, ok, type Reply, simple, type Tree, textOrNil, tree, verbatim } from './replies.ts';
import { authenticate, REDIS_VERSION, type Session } from './session.ts';
import { trackingCommands } from './tracking-commands.ts';

const CONNECTION_FLAGS = ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'] as const;
const CLIENT_FLAGS = ['noscript', 'loading', 'stale'] as const;

const WRONG_PASSWORD = 'WRONGPASS invalid username-password pair or user is disabled.';
const NO_PASSWORD_SET =
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?';
const HELLO_UNAUTHENTICATED =
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time';

const pong: Reply<Bytes | undefined> = {
  name: 'PONG or bulk string',
  write: (writer, message) => (message === undefined ? writer.simple('PONG') : writer.bulk(message)),
};

interface Credentials {
  readonly user: string | undefined;
  readonly password: string;
}

/** `password`, or `user password`. */
const credentials: Argument<Credentials> = {
  minimum: 1,
  fixed: false,
  docs: () => [
    { name: 'username', type: 'string', since: '6.0.0', flags: ['optional'] },
    { name: 'password', type: 'string' },
  ],
  parse: (cursor) => {
    if (cursor.remaining > 2) throw new RespError(SYNTAX_ERROR);
    const user = cursor.remaining === 2 ? cursor.text() : undefined;
    return { user, password: cursor.text() };
  },
};

interface HelloOptions {
  readonly version: number | bigint | undefined;
  readonly credentials: { readonly user: string; readonly password: string } | undefined;
  readonly name: string | undefined;
}

const helloOptions: Argument<HelloOptions> = {
  minimum: 0,
  fixed: false,
  docs: () => [
    {
      name: 'arguments',
      type: 'block',
      flags: ['optional'],
      arguments: [
        { name: 'protover', type: 'integer' },
        {
          name: 'username_password',
          type: 'block',
          token: 'AUTH',
          flags: ['optional'],
          arguments: [
            { name: 'username', type: 'string' },
            { name: 'password', type: 'string' },
          ],
        },
        { name: 'clientname', type: 'string', token: 'SETNAME', flags: ['optional'] },
      ],
    },
  ],
  parse: (cursor) => {
    if (cursor.remaining === 0) return { version: undefined, credentials: undefined, name: undefined };
    const version = cursor.integer('ERR Protocol version is not an integer or out of range');
    cursor.finishNumbers();
    if (version !== 2 && version !== 3) throw new RespError('NOPROTO unsupported protocol version');
    let credentials: HelloOptions['credentials'];
    let name: string | undefined;
    while (cursor.remaining > 0) {
      if (cursor.remaining >= 3 && cursor.takeToken('AUTH')) {
        credentials = { user: cursor.text(), password: cursor.text() };
      } else if (cursor.remaining >= 2 && cursor.takeToken('SETNAME')) {
        name = cursor.text();
      } else {
        throw new RespError(`ERR Syntax error in HELLO option '${cursor.text()}'`);
      }
    }
    return { version, credentials, name };
  },
};

/** Visible ASCII without blanks, as in names of clients. */
const NAME = /^[!-~]*$/;

function setName(session: Session, name: string): void {
  if (!NAME.test(name)) {
    throw new RespError('ERR Client names cannot contain spaces, newlines or special characters.');
  }
  session.name = name;
}

function hello(session: Session): Tree {
  return mapTree([
    ['server', 'redis'],
    ['version', REDIS_VERSION],
    ['proto', session.protocol],
    ['id', session.id],
    ['mode', 'standalone'],
    ['role', 'master'],
    ['modules', []],
  ]);
}

/** One of several words. */
function oneToken<T extends string>(name: string, ...tokens: readonly T[]): Argument<T> {
  return {
    minimum: 1,
    fixed: true,
    docs: () => [
      {
        name,
        type: 'oneof',
        arguments: tokens.map((token) => ({ name: token.toLowerCase(), type: 'pure-token', token })),
      },
    ],
    parse: (cursor) => {
      const taken = tokens.find((token) => cursor.takeToken(token));
      if (taken === undefined) throw new RespError(SYNTAX_ERROR);
      return taken;
    },
  };
}

const unblockMode = described(
  [
    {
      name: 'timeout_error',
      type: 'oneof',
      flags: ['optional'],
      arguments: [
        { name: 'timeout', type: 'pure-token', token: 'TIMEOUT' },
        { name: 'error', type: 'pure-token', token: 'ERROR' },
      ],
    },
  ],
  (cursor) => {
    cursor.finishNumbers();
    if (cursor.remaining > 0 && !cursor.takeToken('TIMEOUT') && !cursor.takeToken('ERROR')) {
      throw new RespError('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR');
    }
  },
);

const pause = described(
  [
    { name: 'timeout', type: 'integer' },
    {
      name: 'mode',
      type: 'oneof',
      since: '6.2.0',
      flags: ['optional'],
      arguments: [
        { name: 'write', type: 'pure-token', token: 'WRITE' },
        { name: 'all', type: 'pure-token', token: 'ALL' },
      ],
    },
  ],
  (cursor): { readonly timeoutMs: number; readonly mode: PauseMode } => {
    const place = cursor.skip();
    const mode = cursor.remaining === 0 || cursor.takeToken('ALL') ? 'all' : 'write';
    if (mode === 'write' && !cursor.takeToken('WRITE')) {
      throw new RespError('ERR CLIENT PAUSE mode must be WRITE or ALL');
    }
    const timeoutMs = cursor.integerAt(place, 'ERR timeout is not an integer or out of range');
    cursor.finishNumbers();
    if (timeoutMs < 0) throw new RespError('ERR timeout is negative');
    return { timeoutMs: Number(timeoutMs), mode };
  },
  { minimum: 1 },
);

function isUserConnected({ server }: Session, user: string): boolean {
  return [...server.clients].some(({ principal }) => principal?.name === user);
}

const killReply: Reply<number | undefined> = {
  name: 'OK or integer',
  write: (writer, killed) => (killed === undefined ? writer.simple('OK') : writer.integer(killed)),
};

export const connectionCommands = {
  PING: sessionCommand({
    summary: 'Ping the server',
    since: '1.0.0',
    group: 'connection',
    complexity: 'O(1)',
    flags: ['fast'],
    tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
    args: { message: optional(bytes) },
    argumentsMax: 2,
    reply: pong,
    run: (_session, { message }) => message,
  }),
  ECHO: sessionCommand({
    summary: 'Echo the given string',
    since: '1.0.0',
    group: 'connection',
    complexity: 'O(1)',
    flags: ['loading', 'stale', 'fast'],
    args: { message: bytes },
    reply: bulk,
    run: (_session, { message }) => message,
  }),
  AUTH: sessionCommand({
    summary: 'Authenticate to the server',
    since: '1.0.0',
    group: 'connection',
    complexity: 'O(N) where N is the number of passwords defined for the user',
    flags: CONNECTION_FLAGS,
    history: [['6.0.0', 'Added ACL style (username and password).']],
    args: { credentials },
    reply: ok,
    run: (session, { credentials: { user, password } }) => {
      if (user === undefined && !session.server.principals.required) throw new RespError(NO_PASSWORD_SET);
      return whenReady(authenticate(session, 'auth', { user: user ?? DEFAULT_USER, password }), (accepted) => {
        if (!accepted) throw new RespError(WRONG_PASSWORD);
      });
    },
  }),
  HELLO: sessionCommand({
    summary: 'Handshake with Redis',
    since: '6.0.0',
    group: 'connection',
    complexity: 'O(1)',
    flags: CONNECTION_FLAGS,
    history: [
      [
        '6.2.0',
        "`protover` made optional; when called without arguments the command reports the current connection's context.",
      ],
    ],
    args: { options: helloOptions },
    reply: tree,
    run: (session, { options: { version, credentials, name } }) => {
      const accepted = credentials === undefined || authenticate(session, 'hello', credentials);
      return whenReady(accepted, (isAccepted) => {
        if (!isAccepted) throw new RespError(WRONG_PASSWORD);
        if (session.principal === undefined) throw new RespError(HELLO_UNAUTHENTICATED);
        if (name !== undefined) setName(session, name);
        if (version !== undefined) session.protocol = version === 3 ? 3 : 2;
        return hello(session);
      });
    },
  }),
  SELECT: sessionCommand({
    summary: 'Change the selected database for the current connection',
    since: '1.0.0',
    group: 'connection',
    complexity: 'O(1)',
    flags: ['loading', 'stale', 'fast'],
    args: { index: integerArgument },
    reply: ok,
    run: (session, { index }) => {
      if (index > 0x7fffffff || index < -0x80000000) {
        throw new RespError('ERR value is out of range, value must between -2147483648 and 2147483647');
      }
      if (index < 0 || index >= session.server.partitions.databases) {
        throw new RespError('ERR DB index is out of range');
      }
      session.database = Number(index);
    },
  }),
  QUIT: sessionCommand({
    summary: 'Close the connection',
    since: '1.0.0',
    group: 'connection',
    complexity: 'O(1)',
    flags: CONNECTION_FLAGS,
    args: { ignored },
    reply: ok,
    runsInMulti: true,
    run: (session) => session.closeAfterReply(),
  }),
  CLIENT: containerCommand(
    'CLIENT',
    'connection',
    { summary: 'A container for client connection commands', since: '2.4.0' },
    {
      ID: sessionCommand({
        summary: 'Returns the client ID for the current connection',
        since: '5.0.0',
        group: 'connection',
        complexity: 'O(1)',
        flags: CLIENT_FLAGS,
        args: {},
        reply: integer,
        run: (session) => session.id,
      }),
      GETNAME: sessionCommand({
        summary: 'Get the current connection name',
        since: '2.6.9',
        group: 'connection',
        complexity: 'O(1)',
        flags: CLIENT_FLAGS,
        args: {},
        reply: textOrNil,
        run: (session) => (session.name === '' ? undefined : session.name),
      }),
      SETNAME: sessionCommand({
        summary: 'Set the current connection name',
        since: '2.6.9',
        group: 'connection',
        complexity: 'O(1)',
        flags: CLIENT_FLAGS,
        args: { 'connection-name': text },
        reply: ok,
        run: (session, { 'connection-name': name }) => setName(session, name),
      }),
      SETINFO: sessionCommand({
        summary: 'Set client or connection specific info',
        since: '7.2.0',
        group: 'connection',
        complexity: 'O(1)',
        flags: CLIENT_FLAGS,
        args: { attr: text, value: text },
        reply: ok,
        run: (session, { attr, value }) => {
          const attribute = attr.toLowerCase();
          if (attribute !== 'lib-name' && attribute !== 'lib-ver') {
            throw new RespError(`ERR Unrecognized option '${attr}'`);
          }
          if (!NAME.test(value)) {
            throw new RespError(`ERR ${attribute} cannot contain spaces, newlines or special characters.`);
          }
          if (attribute === 'lib-name') session.libraryName = value;
          else session.libraryVersion = value;
        },
      }),
      INFO: sessionCommand({
        summary: 'Returns information about the current client connection.',
        since: '6.2.0',
        group: 'connection',
        complexity: 'O(1)',
        flags: ['noscript', 'loading', 'stale'],
        tips: ['nondeterministic_output'],
        args: {},
        reply: verbatim,
        run: (session) => clientLine(session),
      }),
      LIST: sessionCommand({
        summary: 'Get the list of client connections',
        since: '2.4.0',
        group: 'connection',
        complexity: 'O(N) where N is the number of client connections',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        tips: ['nondeterministic_output'],
        history: [
          ['2.8.12', 'Added unique client `id` field.'],
          ['5.0.0', 'Added optional `TYPE` filter.'],
          ['6.0.0', 'Added `user` field.'],
          ['6.2.0', 'Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter.'],
          ['7.0.0', 'Added `resp`, `multi-mem`, `rbs` and `rbp` fields.'],
          ['7.0.3', 'Added `ssub` field.'],
        ],
        args: { filter: listFilter },
        reply: verbatim,
        run: ({ server }, { filter }) => [...server.clients].filter(filter).map(clientLine).join(''),
      }),
      KILL: sessionCommand({
        summary: 'Kill the connection of a client',
        since: '2.4.0',
        group: 'connection',
        complexity: 'O(N) where N is the number of client connections',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        history: [
          ['2.8.12', 'Added new filter format.'],
          ['2.8.12', '`ID` option.'],
          ['3.2.0', 'Added `master` type in for `TYPE` option.'],
          ['5.0.0', 'Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward compatibility.'],
          ['6.2.0', '`LADDR` option.'],
        ],
        args: { victims },
        reply: killReply,
        run: (session, { victims: { matches, isAddress, user } }) => {
          if (user !== undefined && user !== DEFAULT_USER && !isUserConnected(session, user)) {
            throw new RespError(`ERR No such user '${user}'`);
          }
          const killed = [...session.server.clients].filter((client) => matches(client, session));
          if (isAddress && killed.length === 0) throw new RespError('ERR No such client');
          for (const client of killed) client.kill(session);
          return isAddress ? undefined : killed.length;
        },
      }),
      PAUSE: sessionCommand({
        summary: 'Stop processing commands from clients for some time',
        since: '2.9.50',
        group: 'connection',
        complexity: 'O(1)',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        history: [['6.2.0', '`CLIENT PAUSE WRITE` mode added along with the `mode` option.']],
        args: { pause },
        argumentsMax: 4,
        reply: ok,
        run: ({ server }, { pause: { timeoutMs, mode } }) => server.pause.begin(mode, timeoutMs),
      }),
      UNPAUSE: sessionCommand({
        summary: 'Resume processing of clients that were paused',
        since: '6.2.0',
        group: 'connection',
        complexity: 'O(N) Where N is the number of paused clients',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        args: {},
        reply: ok,
        run: ({ server }) => server.pause.end(),
      }),
      REPLY: sessionCommand({
        summary: 'Instruct the server whether to reply to commands',
        since: '3.2.0',
        group: 'connection',
        complexity: 'O(1)',
        flags: ['noscript', 'loading', 'stale'],
        args: { mode: oneToken('on_off_skip', 'ON', 'OFF', 'SKIP') },
        reply: ok,
        run: (session, { mode }) => {
          if (mode === 'ON') session.replyMode = 'on';
          else if (mode === 'OFF') session.replyMode = 'off';
          else if (session.replyMode !== 'off') session.replyMode = 'skipNext';
        },
      }),
      'NO-EVICT': sessionCommand({
        summary: 'Set client eviction mode for the current connection',
        since: '7.0.0',
        group: 'connection',
        complexity: 'O(1)',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        args: { enabled: oneToken('enabled', 'ON', 'OFF') },
        reply: ok,
        run: (session, { enabled }) => {
          session.isSpared = enabled === 'ON';
        },
      }),
      'NO-TOUCH': sessionCommand({
        summary: 'Controls whether commands sent by the client affect the LRU/LFU of accessed keys.',
        since: '7.2.0',
        group: 'connection',
        complexity: 'O(1)',
        flags: CLIENT_FLAGS,
        args: { enabled: oneToken('enabled', 'ON', 'OFF') },
        reply: ok,
        run: (session, { enabled }) => {
          session.touchesNothing = enabled === 'ON';
        },
      }),
      ...trackingCommands,
      UNBLOCK: sessionCommand({
        summary: 'Unblock a client blocked in a blocking command from a different connection',
        since: '5.0.0',
        group: 'connection',
        complexity: 'O(log N) where N is the number of client connections',
        flags: ['admin', 'noscript', 'loading', 'stale'],
        args: { 'client-id': integerArgument, unblock: unblockMode },
        argumentsMax: 4,
        reply: integer,
        run: () => 0, // No command blocks, so nobody is blocked.
      }),
    },
  ),
  RESET: sessionCommand({
    summary: 'Reset the connection',
    since: '6.2.0',
    group: 'connection',
    complexity: 'O(1)',
    flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'],
    args: {},
    reply: simple,
    runsInMulti: true,
    run: (session) => {
      session.transaction.reset(session);
      session.server.tracking.end(session);
      session.server.monitors.remove(session);
      session.database = 0;
      session.protocol = 2;
      session.name = '';
      if (session.replyMode !== 'skip') session.replyMode = 'on'; // This very reply was to be skipped.
      session.isSpared = false;
      session.touchesNothing = false;
      session.principal = session.server.principals.required ? undefined : ANYONE;
      return 'RESET';
    },
  }),
};

/** Text of an argument for messages, as Redis prints it: up to the first zero byte. */
export function shown(argument: Bytes, bytesMax: number): string {
  const zero = argument.indexOf(0);
  const end = Math.min(zero === -1 ? argument.length : zero, bytesMax);
  return asBuffer(argument).latin1Slice(0, end);
}
