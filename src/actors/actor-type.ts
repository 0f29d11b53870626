/** A registered actor type: its definition, its resident activations, its figures. */

import { OperationError } from '../base/errors.ts';
import type { Activation } from './activation.ts';
import type { ActorDefinition, ActorMethods, ActorTypeStatistics } from './actor.ts';
import type { ActorTurn } from './actor-turn.ts';
import type { LocalActorRuntime } from './local-actor-runtime.ts';
import { nearest } from './nearest.ts';
import { type ReferenceClass, referenceClass } from './reference.ts';
import { STATE_VERSION_MAX } from './state-codec.ts';

export type AnyDefinition = ActorDefinition<unknown, ActorMethods<unknown>>;

/** Something that can run as a turn. */
export interface MethodEntry {
  readonly name: string;
  readonly run: (turn: ActorTurn, ...args: readonly unknown[]) => unknown;
  /** Does not count as use: timers. */
  readonly quiet: boolean;
}

const TYPE_BYTES_MAX = 255;
const DURATION_BUCKETS = 28;
const IDLE_DEFAULT_MS = 300_000;

export class ActorType {
  readonly runtime: LocalActorRuntime;
  readonly definition: AnyDefinition;
  readonly name: string;
  readonly persistent: boolean;
  readonly idleMs: number;
  readonly retries: number;
  readonly mailboxTurnsMax: number;
  readonly methods: ReadonlyMap<string, MethodEntry>;
  readonly Reference: ReferenceClass;
  readonly activations = new Map<string, Activation>();
  /**
   * A turn has asked for a transaction: later ones begin when most of the writes that others hold back has been handed over in
   * slices, as all that is left is handed over in one piece where they ask.
   */
  opensTransactions = false;

  turns = 0;
  errors = 0;
  overloaded = 0;
  cycles = 0;
  conflicts = 0;
  activated = 0;
  passivated = 0;
  queued = 0;
  memoryBytes = 0;
  readonly #durations = new Float64Array(DURATION_BUCKETS);

  constructor(runtime: LocalActorRuntime, definition: AnyDefinition, mailboxTurnsMax: number) {
    validate(definition);
    this.runtime = runtime;
    this.definition = definition;
    this.name = definition.type;
    this.persistent = definition.persistent ?? true;
    this.idleMs = definition.idleMs ?? IDLE_DEFAULT_MS;
    this.retries = definition.retries ?? 0;
    this.mailboxTurnsMax = definition.mailboxTurnsMax ?? mailboxTurnsMax;
    const methods = new Map<string, MethodEntry>();
    for (const [name, run] of Object.entries(definition.methods)) {
      methods.set(name, { name, run: run as unknown as MethodEntry['run'], quiet: false });
    }
    this.methods = methods;
    this.Reference = referenceClass(this);
  }

  /** @throws OperationError `not_found`, naming the nearest. */
  method(name: string): MethodEntry {
    const entry = this.methods.get(name);
    if (entry !== undefined) return entry;
    const near = nearest(name, this.methods.keys());
    throw new OperationError('not_found', `actor type ${this.name} has no method "${name}"`, {
      hint: near === undefined ? `its methods are ${[...this.methods.keys()].join(', ')}` : `did you mean "${near}"?`,
    });
  }

  noteDuration(elapsedMs: number): void {
    const micros = Math.max(0, Math.floor(elapsedMs * 1_000));
    const bucket = micros === 0 ? 0 : 32 - Math.clz32(Math.min(micros, 0x7fff_ffff));
    this.#durations[Math.min(bucket, DURATION_BUCKETS - 1)]! += 1;
  }

  statistics(): ActorTypeStatistics {
    return {
      type: this.name,
      turns: this.turns,
      errors: this.errors,
      overloaded: this.overloaded,
      cycles: this.cycles,
      conflicts: this.conflicts,
      activations: this.activated,
      passivations: this.passivated,
      resident: this.activations.size,
      queued: this.queued,
      memoryBytes: this.memoryBytes,
      durationBuckets: [...this.#durations],
    };
  }
}

/** Checks what the types cannot, because modules of users come in at run time. */
function validate(definition: AnyDefinition): void {
  const { type } = definition;
  const invalid = (what: string, hint?: string) =>
    new OperationError(
      'invalid_argument',
      `actor type ${JSON.stringify(type)}: ${what}`,
      hint === undefined ? {} : { hint },
    );
  if (typeof type !== 'string' || type === '' || Buffer.byteLength(type) > TYPE_BYTES_MAX) {
    throw invalid(`a type is a name of 1 to ${TYPE_BYTES_MAX} bytes`);
  }
  if (typeof definition.initial !== 'function')
    throw invalid('"initial" must be a function that returns the first state');
  if (typeof definition.methods !== 'object' || definition.methods === null)
    throw invalid('"methods" must be an object');
  for (const [name, run] of Object.entries(definition.methods)) {
    if (typeof run !== 'function') throw invalid(`method "${name}" is not a function`);
    if (name === 'then' || name in Object.prototype) {
      throw invalid(`a method cannot be named "${name}"`, 'JavaScript itself calls that name on a reference');
    }
  }
  const { idleMs = 1, retries = 0, mailboxTurnsMax = 1, stateVersion = 0 } = definition;
  if (!(idleMs > 0)) throw invalid(`idleMs of ${idleMs}`);
  if (!Number.isInteger(retries) || retries < 0) throw invalid(`retries of ${retries}`);
  if (!Number.isInteger(mailboxTurnsMax) || mailboxTurnsMax < 1) throw invalid(`mailboxTurnsMax of ${mailboxTurnsMax}`);
  if (!Number.isInteger(stateVersion) || stateVersion < 0 || stateVersion > STATE_VERSION_MAX) {
    throw invalid(`stateVersion of ${stateVersion}`, `use 0 to ${STATE_VERSION_MAX}`);
  }
}
