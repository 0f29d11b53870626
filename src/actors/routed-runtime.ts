/**
 * Actors whose state lives in several stores: one runtime per store, and every type on one of them.
 *
 * To each runtime the others look like members of a cluster: a turn that calls an actor of another store is forwarded,
 * with its context, and the two commit apart, because no transaction spans two stores.
 */

import type { Awaitable } from '../base/awaitable.ts';
import type {
  ActorDefinition,
  ActorKey,
  ActorMethods,
  ActorReference,
  ActorRuntime,
  ActorRuntimeStatistics,
} from './actor.ts';
import { type ActorRuntimeOptions, LocalActorRuntime } from './local-actor-runtime.ts';
import type { RequestContext } from './request-context.ts';

export class RoutedActorRuntime implements ActorRuntime {
  readonly #runtimes: ReadonlyMap<string, LocalActorRuntime>;
  readonly #storeOf: (type: string) => string;

  /**
   * @param options of each runtime, by the name of its store.
   * @param storeOf the store of a type; one of those names.
   */
  constructor(options: ReadonlyMap<string, ActorRuntimeOptions>, storeOf: (type: string) => string) {
    this.#storeOf = storeOf;
    const runtimes = new Map<string, LocalActorRuntime>();
    for (const [name, own] of options) {
      const routing =
        options.size === 1
          ? {}
          : {
              placement: { self: name, ownerOf: storeOf },
              forward: async (
                store: string,
                type: string,
                key: string,
                method: string,
                args: readonly unknown[],
                context: RequestContext,
              ) => runtimes.get(store)!.invoke(type, key, method, args, context),
            };
      runtimes.set(name, new LocalActorRuntime({ ...own, ...routing }));
    }
    this.#runtimes = runtimes;
  }

  #of(type: string): LocalActorRuntime {
    return this.#runtimes.get(this.#storeOf(type))!;
  }

  register<S, M extends ActorMethods<S>>(definition: ActorDefinition<S, M>): void {
    for (const runtime of this.#runtimes.values()) runtime.register(definition);
  }

  get<S, M extends ActorMethods<S>>(
    definition: ActorDefinition<S, M>,
    key?: ActorKey,
    context?: RequestContext,
  ): ActorReference<M> {
    return this.#of(definition.type).get(definition, key, context);
  }

  invoke(
    type: string,
    key: ActorKey,
    method: string,
    args: readonly unknown[],
    context?: RequestContext,
  ): Awaitable<unknown> {
    return this.#of(type).invoke(type, key, method, args, context);
  }

  types(): readonly { readonly type: string; readonly methods: readonly string[] }[] {
    for (const runtime of this.#runtimes.values()) return runtime.types();
    return [];
  }

  deactivate(type: string, key: ActorKey): Promise<boolean> {
    return this.#of(type).deactivate(type, key);
  }

  /** Each type counted where it lives. */
  statistics(): ActorRuntimeStatistics {
    let [resident, memoryBytes] = [0, 0];
    const types = [];
    for (const [name, runtime] of this.#runtimes) {
      const figures = runtime.statistics();
      resident += figures.resident;
      memoryBytes += figures.memoryBytes;
      types.push(...figures.types.filter(({ type }) => this.#storeOf(type) === name));
    }
    return { resident, memoryBytes, types };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#runtimes.values()].map((runtime) => runtime.stop()));
  }
}
