/** Which clients CLIENT LIST and CLIENT KILL mean. Source: https://redis.io/docs/latest/commands/client-kill/ */

import { type ArgumentCursor, described } from './arguments.ts';
import { addressOf, localAddressOf } from './client-line.ts';
import { RespError, SYNTAX_ERROR } from './errors.ts';
import type { Session } from './session.ts';

const CLIENT_TYPES = ['normal', 'master', 'replica', 'slave', 'pubsub'];

/** Every client here is a normal one. */
function clientType(cursor: ArgumentCursor): string {
  const type = cursor.text();
  if (!CLIENT_TYPES.includes(type.toLowerCase())) throw new RespError(`ERR Unknown client type '${type}'`);
  return type.toLowerCase();
}

type ClientFilter = (client: Session) => boolean;

/** Whom CLIENT LIST shows. */
export const listFilter = described(
  [
    {
      name: 'normal_master_replica_pubsub',
      type: 'oneof',
      token: 'TYPE',
      since: '5.0.0',
      flags: ['optional'],
      arguments: [
        { name: 'normal', type: 'pure-token', token: 'NORMAL' },
        { name: 'master', type: 'pure-token', token: 'MASTER' },
        { name: 'replica', type: 'pure-token', token: 'REPLICA' },
        { name: 'pubsub', type: 'pure-token', token: 'PUBSUB' },
      ],
    },
    {
      name: 'id',
      type: 'block',
      token: 'ID',
      since: '6.2.0',
      flags: ['optional'],
      arguments: [{ name: 'client-id', type: 'integer', flags: ['multiple'] }],
    },
  ],
  (cursor): ClientFilter => {
    if (cursor.remaining === 0) return () => true;
    if (cursor.remaining === 2 && cursor.takeToken('TYPE')) {
      const type = clientType(cursor);
      return () => type === 'normal';
    }
    if (cursor.remaining < 2 || !cursor.takeToken('ID')) throw new RespError(SYNTAX_ERROR);
    const ids = new Set<number>();
    while (cursor.remaining > 0) {
      ids.add(Number(cursor.integerNow('ERR Invalid client ID')));
    }
    return ({ id }) => ids.has(id);
  },
);

interface Victims {
  readonly matches: (client: Session, by: Session) => boolean;
  /** The old form: one address, answered with OK. */
  readonly isAddress: boolean;
  readonly user: string | undefined;
}

/** Whom CLIENT KILL ends. */
export const victims = described(
  [
    {
      name: 'filter',
      type: 'oneof',
      arguments: [
        { name: 'ip:port', type: 'string' },
        {
          name: 'new-format',
          type: 'oneof',
          flags: ['multiple'],
          arguments: [
            { name: 'client-id', type: 'integer', token: 'ID', since: '2.8.12', flags: ['optional'] },
            {
              name: 'normal_master_slave_pubsub',
              type: 'oneof',
              token: 'TYPE',
              since: '2.8.12',
              flags: ['optional'],
              arguments: [
                { name: 'normal', type: 'pure-token', token: 'NORMAL' },
                { name: 'master', type: 'pure-token', token: 'MASTER', since: '3.2.0' },
                { name: 'slave', type: 'pure-token', token: 'SLAVE' },
                { name: 'replica', type: 'pure-token', token: 'REPLICA', since: '5.0.0' },
                { name: 'pubsub', type: 'pure-token', token: 'PUBSUB' },
              ],
            },
            { name: 'username', type: 'string', token: 'USER', flags: ['optional'] },
            { name: 'ip:port', type: 'string', token: 'ADDR', flags: ['optional'] },
            { name: 'ip:port', type: 'string', token: 'LADDR', since: '6.2.0', flags: ['optional'] },
            { name: 'yes/no', type: 'string', token: 'SKIPME', flags: ['optional'] },
          ],
        },
      ],
    },
  ],
  parseVictims,
  { minimum: 1 },
);

function parseVictims(cursor: ArgumentCursor): Victims {
  if (cursor.remaining === 1) {
    const address = cursor.text();
    return { matches: (client) => addressOf(client) === address, isAddress: true, user: undefined };
  }
  const conditions: ((client: Session) => boolean)[] = [];
  let skipsCaller = true;
  let user: string | undefined;
  while (cursor.remaining > 0) {
    if (cursor.remaining < 2) throw new RespError(SYNTAX_ERROR);
    if (cursor.takeToken('ID')) {
      const message = 'ERR client-id should be greater than 0';
      const id = cursor.integerNow(message);
      if (id <= 0) throw new RespError(message);
      conditions.push((client) => client.id === id);
    } else if (cursor.takeToken('TYPE')) {
      const type = clientType(cursor);
      conditions.push(() => type === 'normal');
    } else if (cursor.takeToken('ADDR')) {
      const address = cursor.text();
      conditions.push((client) => addressOf(client) === address);
    } else if (cursor.takeToken('LADDR')) {
      const address = cursor.text();
      conditions.push((client) => localAddressOf(client) === address);
    } else if (cursor.takeToken('USER')) {
      const name = cursor.text();
      user = name;
      conditions.push((client) => client.principal?.name === name);
    } else if (cursor.takeToken('SKIPME')) {
      if (cursor.takeToken('YES')) skipsCaller = true;
      else if (cursor.takeToken('NO')) skipsCaller = false;
      else throw new RespError(SYNTAX_ERROR);
    } else {
      throw new RespError(SYNTAX_ERROR);
    }
  }
  const matches = (client: Session, by: Session): boolean =>
    (client !== by || !skipsCaller) && conditions.every((condition) => condition(client));
  return { matches, isAddress: false, user };
}
