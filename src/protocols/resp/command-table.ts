/** Every command this server knows, by name. */

import { actorCommands } from './actor-commands.ts';
import { bitmapCommands } from './bitmap-commands.ts';
import { CommandTable } from './command.ts';
import { connectionCommands } from './connection-commands.ts';
import { genericCommands } from './generic-commands.ts';
import { serverCommands } from './server-commands.ts';
import { stringCommands } from './string-commands.ts';
import { transactionCommands } from './transaction-commands.ts';

/** A table of its own for each listener: it counts calls. */
export function newCommandTable(): CommandTable {
  return new CommandTable({
    ...stringCommands,
    ...bitmapCommands,
    ...genericCommands,
    ...transactionCommands,
    ...connectionCommands,
    ...serverCommands,
    ...actorCommands,
  });
}
