/**
 * Calls of virtual actors: `ACTOR.CALL type key method [argument …]`, arguments and result as JSON. A command of Orbit's
 * own; the reply leaves after the turn's commit, as for every caller of an actor.
 */

import { RequestContext } from '../../actors/request-context.ts';
import { whenReady } from '../../base/awaitable.ts';
import { messageOf } from '../../base/errors.ts';
import { anyNumber, text } from './arguments.ts';
import { sessionCommand } from './command.ts';
import { RespError } from './errors.ts';
import { textOrNil } from './replies.ts';

/** A turn that has not answered by then is given up. */
const CALL_TIMEOUT_MS = 30_000;

export const actorCommands = {
  'ACTOR.CALL': sessionCommand({
    summary: 'Calls a method of a virtual actor. Arguments and the result are JSON.',
    since: '7.2.0',
    group: 'server',
    complexity: 'Depends on the method',
    flags: ['write', 'noscript', 'no_multi'],
    args: { type: text, key: text, method: text, argument: anyNumber(text) },
    reply: textOrNil,
    run(session, { type, key, method, argument }) {
      const { actors, platform } = session.server;
      if (actors === undefined) throw new RespError('ERR this server runs no actors');
      const context = new RequestContext({
        deadlineMs: platform.clock.monotonicMs() + CALL_TIMEOUT_MS,
        ...(session.principal === undefined ? {} : { principal: session.principal.name }),
      });
      const args = argument.map((json, position) => parseArgument(json, position + 1));
      return whenReady(actors.invoke(type, key, method, args, context), toJson);
    },
  }),
};

function parseArgument(json: string, position: number): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch (error) {
    throw new RespError(`ERR argument ${position} is not JSON (${messageOf(error)}); text needs double quotes`);
  }
}

/** Values that JSON lacks appear as what they hold: maps as objects, sets as arrays, big integers as decimal text. */
function toJson(result: unknown): string | undefined {
  return JSON.stringify(result, (_, value: unknown) => {
    if (typeof value === 'bigint') return value.toString();
    if (value instanceof Map) return Object.fromEntries(value);
    if (value instanceof Set) return [...value];
    return value;
  });
}
