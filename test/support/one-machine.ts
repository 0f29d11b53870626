/** The machine of a test of the actor runtime: started by it, stopped after it. */

import { afterEach } from 'vitest';
import { ActorMachine, type MachineOptions } from './actors.ts';

/** The running test's. */
export let machine: ActorMachine;

export async function start(options: MachineOptions = {}, syncMs?: readonly [number, number]): Promise<void> {
  machine = await ActorMachine.start(options, syncMs);
}

afterEach(async () => {
  await machine.stop();
});

export function statisticsOf(type: string) {
  return machine.runtime.statistics().types.find((each) => each.type === type)!;
}
