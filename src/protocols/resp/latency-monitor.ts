/**
 * What LATENCY tells: for each kind of event the latest times beyond a threshold, one for each second, the longest. Events are
 * commands: `fast-command` those that should take no time, `command` the others. As in SLOWLOG the time is that of execution,
 * waiting for disks and locks included, and what is executed directly from memory is not timed by itself.
 * Source: https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency-monitor/
 */

import type { Clock } from '../../platform/platform.ts';
import type { CommandEntry } from './command.ts';

const SAMPLES_MAX = 160;

export interface LatencySample {
  readonly atS: number;
  readonly ms: number;
}

export interface LatencyEvent {
  readonly name: string;
  /** Oldest first, at least one. */
  readonly samples: readonly LatencySample[];
  /** Of all times, those among them that were forgotten. */
  readonly maxMs: number;
}

export class LatencyMonitor {
  /** Times from it on are kept; 0 keeps none. */
  thresholdMs = 0;
  /** Those that INFO shows. */
  percentiles: readonly number[] = [50, 99, 99.9];
  readonly #events = new Map<string, { readonly name: string; samples: LatencySample[]; maxMs: number }>();

  /** By name, in the order in which they first came up. */
  get events(): ReadonlyMap<string, LatencyEvent> {
    return this.#events;
  }

  /** A command is done. */
  note(entry: CommandEntry, elapsedMs: number, clock: Clock): void {
    if (this.thresholdMs === 0 || elapsedMs < this.thresholdMs) return;
    const name = entry.command.flags.includes('fast') ? 'fast-command' : 'command';
    const sample = { atS: Math.floor(clock.nowMs() / 1_000), ms: Math.floor(elapsedMs) };
    const event = this.#events.get(name) ?? { name, samples: [], maxMs: 0 };
    this.#events.set(name, event);
    event.maxMs = Math.max(event.maxMs, sample.ms);
    const latest = event.samples.at(-1);
    if (latest?.atS !== sample.atS) event.samples.push(sample);
    else if (latest.ms < sample.ms) event.samples[event.samples.length - 1] = sample;
    if (event.samples.length > SAMPLES_MAX) event.samples.shift();
  }

  /** Forgets the events of these names, without any all. @returns how many there were. */
  reset(names: readonly string[]): number {
    const forgotten = [...(names.length === 0 ? this.#events.keys() : names)];
    return forgotten.filter((name) => this.#events.delete(name)).length;
  }
}
