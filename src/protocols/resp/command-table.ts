/** Every command this server knows, by name. */

import { actorCommands } from './actor-commands.ts';
import { bitmapCommands } from './bitmap-commands.ts';
import { CommandTable } from './command.ts';
import { configCommands } from './config-commands.ts';
import { connectionCommands } from './connection-commands.ts';
import { genericCommands } from './generic-commands.ts';
import { observationCommands } from './observation-commands.ts';
import { scanCommands } from './scan-commands.ts';
import { serverCommands } from './server-commands.ts';
import { stringCommands } from './string-commands.ts';
import { transactionCommands } from './transaction-commands.ts';

/** A table of its own for each listener: it counts calls. */
export function newCommandTable(): CommandTable {
  return new CommandTable({
    ...stringCommands,
    ...bitmapCommands,
    ...genericCommands,
    ...scanCommands,
    ...transactionCommands,
    ...connectionCommands,
    ...serverCommands,
    ...configCommands,
    ...observationCommands,
    ...actorCommands,
  });
}
