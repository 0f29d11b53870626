/**
 * ACL. Users come from the configuration and each may do everything, so what asks is answered and what would change them is
 * refused by name. Source: https://redis.io/docs/latest/commands/?group=server
 */

import { type Bytes, latin1 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { RefusedLogin } from './access-log.ts';
import { type ArgumentCursor, anyNumber, bytes, described, many, text } from './arguments.ts';
import { DEFAULT_USER } from './authentication.ts';
import { type CommandEntry, containerCommand, sessionCommand } from './command.ts';
import { NOT_AN_INTEGER, RespError } from './errors.ts';
import { integer, mapTree, ok, setTree, simpleTree, type Tree, textOrNil, tree } from './replies.ts';
import { CATEGORIES, categoriesOf } from './server-commands.ts';
import type { RespServer, Session } from './session.ts';

const ASKING = ['noscript', 'loading', 'stale'] as const;
const ADMIN = ['admin', 'noscript', 'loading', 'stale'] as const;

const BITS_DEFAULT = 256;
const BITS_MAX = 4_096;
const BITS_WRONG = `ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to ${BITS_MAX}`;
const LOG_DEFAULT = 10;

/** Of a subcommand that takes one argument, or none. */
function orNone<T>(none: T, parse: (cursor: ArgumentCursor) => T) {
  return (cursor: ArgumentCursor): T => (cursor.remaining === 0 ? none : parse(cursor));
}

const bits = described(
  [{ name: 'bits', type: 'integer', flags: ['optional'] }],
  orNone(BITS_DEFAULT, (cursor) => {
    const wanted = cursor.integerNow();
    if (wanted <= 0 || wanted > BITS_MAX) throw new RespError(BITS_WRONG);
    return Number(wanted);
  }),
);

const category = described<string | undefined>(
  [{ name: 'categoryname', type: 'string', flags: ['optional'] }],
  orNone<string | undefined>(undefined, (cursor) => cursor.text()),
);

const logOperation = described<number | 'reset'>(
  [
    {
      name: 'operation',
      type: 'oneof',
      flags: ['optional'],
      arguments: [
        { name: 'count', type: 'integer' },
        { name: 'reset', type: 'pure-token', token: 'RESET' },
      ],
    },
  ],
  orNone<number | 'reset'>(LOG_DEFAULT, (cursor) =>
    cursor.takeToken('RESET') ? 'reset' : Math.max(0, Number(cursor.integerNow(NOT_AN_INTEGER))),
  ),
);

/** Where nobody is configured, everyone is the default user. */
function usersOf({ principals }: RespServer): readonly string[] {
  return principals.required ? [...principals.names].sort() : [DEFAULT_USER];
}

function passwordFlags({ principals }: RespServer): readonly string[] {
  return principals.required ? [] : ['nopass'];
}

function commandsIn(server: RespServer, category: string): readonly string[] {
  const wanted = category.toLowerCase();
  if (!CATEGORIES.some((name) => name === wanted)) throw new RespError(`ERR Unknown category '${category}'`);
  return server.commands.entries
    .flatMap((entry) => entry.subcommands?.entries ?? [entry])
    .filter((entry) => categoriesOf(entry).includes(`@${wanted}`))
    .map(({ name }) => name);
}

function dryRun({ server }: Session, user: string, words: readonly Bytes[]): void {
  if (!usersOf(server).includes(user)) throw new RespError(`ERR User '${user}' not found`);
  const [name, second] = words;
  const command = server.commands.find(name!, 0, name!.length);
  let entry: CommandEntry | undefined = command;
  if (command?.subcommands !== undefined && second !== undefined) {
    entry = command.subcommands.find(second, 0, second.length);
  }
  if (entry === undefined) throw new RespError(`ERR Command '${latin1(name!)}' not found`);
  if (!entry.accepts(words.length)) throw entry.wrongArity();
}

function refusedLogins({ server }: Session, count: number): Tree {
  const nowMs = server.platform.clock.nowMs();
  return server.accessLog.entries.slice(0, count).map((entry) => refusedLogin(entry, nowMs));
}

function refusedLogin(entry: RefusedLogin, nowMs: number): Tree {
  return mapTree([
    ['count', entry.count],
    ['reason', 'auth'],
    ['context', entry.isInMulti ? 'multi' : 'toplevel'],
    ['object', entry.command],
    ['username', entry.user],
    ['age-seconds', String((nowMs - entry.createdAtMs) / 1_000)],
    ['client-info', entry.client],
    ['entry-id', entry.id],
    ['timestamp-created', entry.createdAtMs],
    ['timestamp-last-updated', entry.updatedAtMs],
  ]);
}

function fromConfiguration(): never {
  throw new OperationError(
    'unsupported',
    'users cannot be changed while the server runs: they are [[security.users]] of its configuration',
  );
}

export const accessCommands = {
  ACL: containerCommand(
    'ACL',
    'server',
    { summary: 'A container for Access List Control commands ', since: '6.0.0' },
    {
      WHOAMI: sessionCommand({
        summary: 'Return the name of the user associated to the current connection',
        since: '6.0.0',
        group: 'server',
        complexity: 'O(1)',
        flags: ASKING,
        args: {},
        reply: textOrNil,
        run: (session) => session.principal?.name,
      }),
      CAT: sessionCommand({
        summary: 'List the ACL categories or the commands inside a category',
        since: '6.0.0',
        group: 'server',
        complexity: 'O(1) since the categories and commands are a fixed set.',
        flags: ASKING,
        args: { categoryname: category },
        argumentsMax: 3,
        reply: tree,
        run: ({ server }, { categoryname }): Tree =>
          categoryname === undefined ? CATEGORIES : commandsIn(server, categoryname),
      }),
      GENPASS: sessionCommand({
        summary: 'Generate a pseudorandom secure password to use for ACL users',
        since: '6.0.0',
        group: 'server',
        complexity: 'O(1)',
        flags: ASKING,
        args: { bits },
        argumentsMax: 3,
        reply: textOrNil,
        run: ({ server }, { bits }) => {
          const digits = Math.ceil(bits / 4);
          return Buffer.from(server.platform.random.bytes(Math.ceil(digits / 2)))
            .toString('hex')
            .slice(0, digits);
        },
      }),
      LIST: sessionCommand({
        summary: 'List the current ACL rules in ACL config file format',
        since: '6.0.0',
        group: 'server',
        complexity: 'O(N). Where N is the number of configured users.',
        flags: ADMIN,
        args: {},
        reply: tree,
        run: ({ server }): Tree =>
          usersOf(server).map((name) => ['user', name, 'on', ...passwordFlags(server), '~* &* +@all'].join(' ')),
      }),
      USERS: sessionCommand({
        summary: 'List the username of all the configured ACL rules',
        since: '6.0.0',
        group: 'server',
        complexity: 'O(N). Where N is the number of configured users.',
        flags: ADMIN,
        args: {},
        reply: tree,
        run: ({ server }): Tree => usersOf(server),
      }),
      GETUSER: sessionCommand({
        summary: 'Get the rules for a specific ACL user',
        since: '6.0.0',
        group: 'server',
        complexity: 'O(N). Where N is the number of password, command and pattern rules that the user has.',
        flags: ADMIN,
        history: [
          ['6.2.0', 'Added Pub/Sub channel patterns.'],
          [
            '7.0.0',
            'Added selectors and changed the format of key and channel patterns from a list to their rule representation.',
          ],
        ],
        args: { username: text },
        reply: tree,
        run: ({ server }, { username }): Tree => {
          if (!usersOf(server).includes(username)) return undefined;
          return mapTree([
            ['flags', setTree(['on', ...passwordFlags(server)])],
            ['passwords', []], // Only what verifies them is known, and that is nobody's business.
            ['commands', '+@all'],
            ['keys', '~*'],
            ['channels', '&*'],
            ['selectors', []],
          ]);
        },
      }),
      DRYRUN: sessionCommand({
        summary: 'Returns whether the user can execute the given command without executing the command.',
        since: '7.0.0',
        group: 'server',
        complexity: 'O(1).',
        flags: ADMIN,
        args: { username: text, command: bytes, arg: anyNumber(bytes) },
        reply: ok,
        run: (session, { username, command, arg }) => dryRun(session, username, [command, ...arg]),
      }),
      LOG: sessionCommand({
        summary: 'List latest events denied because of ACLs in place',
        since: '6.0.0',
        group: 'server',
        complexity: 'O(N) with N being the number of entries shown.',
        flags: ADMIN,
        history: [['7.2.0', 'Added entry ID, timestamp created, and timestamp last updated.']],
        args: { operation: logOperation },
        argumentsMax: 3,
        reply: tree,
        run: (session, { operation }): Tree => {
          if (operation !== 'reset') return refusedLogins(session, operation);
          session.server.accessLog.clear();
          return simpleTree('OK');
        },
      }),
      SETUSER: sessionCommand({
        summary: 'Modify or create the rules for a specific ACL user',
        since: '6.0.0',
        group: 'server',
        complexity: 'O(N). Where N is the number of rules provided.',
        flags: ADMIN,
        history: [
          ['6.2.0', 'Added Pub/Sub channel patterns.'],
          ['7.0.0', 'Added selectors and key based permissions.'],
        ],
        args: { username: text, rule: anyNumber(text) },
        reply: ok,
        run: fromConfiguration,
      }),
      DELUSER: sessionCommand({
        summary: 'Remove the specified ACL users and the associated rules',
        since: '6.0.0',
        group: 'server',
        complexity: 'O(1) amortized time considering the typical user.',
        flags: ADMIN,
        args: { username: many(text) },
        reply: integer,
        run: ({ server }, { username: names }) => {
          if (names.includes(DEFAULT_USER)) throw new RespError(`ERR The '${DEFAULT_USER}' user cannot be removed`);
          const users = usersOf(server);
          return names.some((name) => users.includes(name)) ? fromConfiguration() : 0;
        },
      }),
      LOAD: sessionCommand({
        summary: 'Reload the ACLs from the configured ACL file',
        since: '6.0.0',
        group: 'server',
        complexity: 'O(N). Where N is the number of configured users.',
        flags: ADMIN,
        args: {},
        reply: ok,
        run: fromConfiguration,
      }),
      SAVE: sessionCommand({
        summary: 'Save the current ACL rules in the configured ACL file',
        since: '6.0.0',
        group: 'server',
        complexity: 'O(N). Where N is the number of configured users.',
        flags: ADMIN,
        args: {},
        reply: ok,
        run: fromConfiguration,
      }),
    },
  ),
};
