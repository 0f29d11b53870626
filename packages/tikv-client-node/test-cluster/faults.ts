/**
 * What a test can do to calls on their way to a store or to PD, each with a filter and a count.
 */

import type { RegionError } from '../src/proto/errorpb.ts';
import type { Init } from '../src/protobuf/message.ts';

/** A call that arrived, as filters see it. */
export interface ArrivedCall {
  /** 0 for PD. */
  readonly storeId: bigint;
  /** Like `KvPrewrite`. */
  readonly method: string;
  /** 0 where there is none. */
  readonly regionId: bigint;
  /** Decoded. */
  readonly request: Readonly<Record<string, unknown>>;
}

export type FaultAction =
  /** Waits before or after the execution. */
  | { readonly kind: 'delay'; readonly ms: number; readonly when?: 'before' | 'after' }
  /** Answers with a region error instead of executing. */
  | { readonly kind: 'regionError'; readonly error: Init<typeof RegionError> }
  /** Answers with a response of the test's own instead of executing. */
  | { readonly kind: 'respond'; readonly response: Readonly<Record<string, unknown>> }
  /** Fails with a gRPC status without executing; a batch stream breaks with it. */
  | { readonly kind: 'status'; readonly status: number; readonly message: string }
  /** Never executes, never answers. */
  | { readonly kind: 'swallow' }
  /** Executes, then the reply is lost: with the connection, without a word, or the store itself does not know. */
  | { readonly kind: 'loseReply'; readonly how: 'disconnect' | 'silence' | 'undetermined' }
  /** Executes twice; the first reply counts. */
  | { readonly kind: 'duplicate' }
  /** Runs before the execution: splits, transfers, clock jumps between locating and receipt. */
  | { readonly kind: 'hook'; readonly run: () => void };

export interface FaultRule {
  readonly method?: string | readonly string[];
  readonly storeId?: bigint;
  readonly when?: (call: ArrivedCall) => boolean;
  /** How many matching calls are hit. Default 1. */
  readonly times?: number;
  /** Matching calls that pass before the first is hit. Default 0. */
  readonly after?: number;
  readonly action: FaultAction;
}

interface ActiveRule extends FaultRule {
  seen: number;
  hits: number;
}

export class Faults {
  readonly #rules: ActiveRule[] = [];
  /** Every call that arrived, for assertions; the newest `CALLS_KEPT_MAX`. */
  readonly calls: ArrivedCall[] = [];
  recording = true;

  /** Whether calls must be shown to `arrived`. */
  get active(): boolean {
    return this.recording || this.#rules.length > 0;
  }

  /** @returns how often it was hit. */
  add(rule: FaultRule): { readonly hits: () => number } {
    const active: ActiveRule = { ...rule, seen: 0, hits: 0 };
    this.#rules.push(active);
    return { hits: () => active.hits };
  }

  clear(): void {
    this.#rules.length = 0;
  }

  /** The action for a call that has arrived. */
  arrived(call: ArrivedCall): FaultAction | undefined {
    if (this.recording) {
      this.calls.push(call);
      if (this.calls.length > CALLS_KEPT_MAX) this.calls.splice(0, CALLS_KEPT_MAX / 2);
    }
    for (const rule of this.#rules) {
      if (rule.hits >= (rule.times ?? 1) || !matches(rule, call)) continue;
      if (rule.seen++ < (rule.after ?? 0)) continue;
      rule.hits++;
      return rule.action;
    }
    return undefined;
  }

  /** Calls of a method among those recorded. */
  count(method: string): number {
    return this.calls.filter((call) => call.method === method).length;
  }
}

const CALLS_KEPT_MAX = 20_000;

function matches(rule: FaultRule, call: ArrivedCall): boolean {
  const { method } = rule;
  if (method !== undefined && (typeof method === 'string' ? method !== call.method : !method.includes(call.method))) {
    return false;
  }
  if (rule.storeId !== undefined && rule.storeId !== call.storeId) return false;
  return rule.when?.(call) ?? true;
}
