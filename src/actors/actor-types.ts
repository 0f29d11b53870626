/**
 * The types that are registered at one runtime, each with its activations: one definition for each name, and each definition
 * once, however often it is named.
 */

import { OperationError } from '../base/errors.ts';
import type { Activation } from './activation.ts';
import { ActorType, type AnyDefinition } from './actor-type.ts';
import type { LocalActorRuntime } from './local-actor-runtime.ts';
import { nearest } from './nearest.ts';

export class ActorTypes {
  readonly #runtime: LocalActorRuntime;
  readonly #mailboxTurnsMax: number;
  readonly #byName = new Map<string, ActorType>();
  readonly #byDefinition = new Map<object, ActorType>();

  constructor(runtime: LocalActorRuntime, mailboxTurnsMax: number) {
    this.#runtime = runtime;
    this.#mailboxTurnsMax = mailboxTurnsMax;
  }

  /** The type of a definition, registered when it is new. @throws OperationError `already_exists` for a second of that name. */
  of(definition: AnyDefinition): ActorType {
    const known = this.#byDefinition.get(definition);
    if (known !== undefined) return known;
    if (this.#byName.has(definition.type)) {
      throw new OperationError('already_exists', `two definitions name their actor type "${definition.type}"`);
    }
    const type = new ActorType(this.#runtime, definition, this.#mailboxTurnsMax);
    this.#byName.set(type.name, type);
    this.#byDefinition.set(definition, type);
    return type;
  }

  /** @throws OperationError `not_found`. */
  require(name: string): ActorType {
    const type = this.#byName.get(name);
    if (type !== undefined) return type;
    const near = nearest(name, this.#byName.keys());
    throw new OperationError('not_found', `no actor type is named "${name}"`, {
      hint: near === undefined ? 'list its module under [actors] modules' : `did you mean "${near}"?`,
    });
  }

  /** The activation that is in memory. */
  find(type: string, key: string): Activation | undefined {
    return this.#byName.get(type)?.activations.get(key);
  }

  *activations(): Generator<Activation> {
    for (const type of this.#byName.values()) yield* type.activations.values();
  }

  [Symbol.iterator](): Iterator<ActorType> {
    return this.#byName.values();
  }
}
