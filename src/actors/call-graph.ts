/**
 * Who waits for whom. A turn waits for the activations that it called and that have not answered; an activation is free
 * when its outermost turn ends. A call that would have to wait is checked first: if the actor it wants waits, over any
 * number of steps and requests, for one that waits for this call, nobody would ever move, and the call is refused.
 *
 * A call that was made but is not awaited counts as waited for: use `turn.detached` for work that is sent off.
 */

import { OperationError } from '../base/errors.ts';
import { Activation } from './activation.ts';
import type { ActorTurn } from './actor-turn.ts';
import type { RequestContext } from './request-context.ts';

/** What a turn waits for: an actor, or a turn that runs inside another by re-entrancy. */
export type Awaited = Activation | ActorTurn;

/** The innermost open turn of `activation` in the chain of callers that ends with `caller`. */
export function turnInChain(caller: ActorTurn | undefined, activation: Activation): ActorTurn | undefined {
  for (let turn = caller; turn !== undefined; turn = turn.caller) {
    if (turn.activation === activation && turn.open) return turn;
  }
  return undefined;
}

/** Refuses a call from `caller` to `target` that closes a circle over waiting calls of any request. */
export function refuseDeadlock(caller: ActorTurn, target: Activation): void {
  const path = pathToChain(target, caller, new Set());
  if (path !== undefined) throw cycleError(caller, target, path);
}

/** The way from `from` to an activation in the chain of `caller`, both included; undefined when there is none. */
function pathToChain(from: Awaited, caller: ActorTurn, seen: Set<Awaited>): readonly Activation[] | undefined {
  if (seen.has(from)) return undefined;
  seen.add(from);
  const turn = from instanceof Activation ? from.turn : from;
  const here = from instanceof Activation ? from : from.activation;
  if (turn === undefined || !turn.open) return undefined;
  for (const awaited of turn.waits ?? []) {
    if (awaited instanceof Activation && turnInChain(caller, awaited) !== undefined) return [here, awaited];
    const rest = pathToChain(awaited, caller, seen);
    if (rest !== undefined) return [here, ...rest];
  }
  return undefined;
}

/**
 * Names the circle, like `a/1 -> b/2 -> a/1`. `path` leads from `target` to where the circle meets the chain of `caller`;
 * a target in the chain itself is a path of one.
 */
export function cycleError(caller: ActorTurn, target: Activation, path: readonly Activation[]): OperationError {
  const meets = path[path.length - 1]!;
  const chain: string[] = [];
  for (let turn: ActorTurn | undefined = caller; turn !== undefined; turn = turn.caller) {
    chain.unshift(turn.activation.address);
    if (turn.activation === meets) break;
  }
  target.type.cycles++;
  const circle = [...chain, ...path.map((activation) => activation.address)].join(' -> ');
  return new OperationError('actor_cycle', `actors would wait for each other forever: ${circle}`, {
    hint: 'declare the actor `reentrant`, or send the work with `turn.detached`',
  });
}

/** Notes in the call graph that `caller` waits, until `outcome` is there. */
export function waitFor(caller: ActorTurn, awaited: Awaited, outcome: Promise<unknown>): void {
  caller.waits ??= [];
  const { waits } = caller;
  waits.push(awaited);
  const done = () => {
    const at = waits.indexOf(awaited);
    if (at !== -1) waits.splice(at, 1);
  };
  outcome.then(done, done);
}

/** The context of a call that leaves this member: with it go the callers that wait for the answer here. */
export function contextWithChain(context: RequestContext, caller: ActorTurn | undefined): RequestContext {
  const chain: string[] = [];
  for (let turn = caller; turn !== undefined; turn = turn.caller) chain.unshift(turn.activation.address);
  if (chain.length === 0) return context;
  return context.with({ chain: [...context.chain, ...chain] });
}
