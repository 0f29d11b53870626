/** Every command this server knows, by name. */

import { accessCommands } from './access-commands.ts';
import { actorCommands } from './actor-commands.ts';
import { bitmapCommands } from './bitmap-commands.ts';
import { type Command, CommandTable } from './command.ts';
import { configCommands } from './config-commands.ts';
import { connectionCommands } from './connection-commands.ts';
import { genericCommands } from './generic-commands.ts';
import { latencyCommands } from './latency-commands.ts';
import { migrationCommands } from './migration-commands.ts';
import { observationCommands } from './observation-commands.ts';
import { scanCommands } from './scan-commands.ts';
import { serverCommands } from './server-commands.ts';
import { sortCommands } from './sort-commands.ts';
import { stringCommands } from './string-commands.ts';
import { transactionCommands } from './transaction-commands.ts';

const COMMANDS: Readonly<Record<string, Command>> = {
  ...stringCommands,
  ...bitmapCommands,
  ...genericCommands,
  ...scanCommands,
  ...sortCommands,
  ...migrationCommands,
  ...transactionCommands,
  ...connectionCommands,
  ...serverCommands,
  ...accessCommands,
  ...configCommands,
  ...observationCommands,
  ...latencyCommands,
  ...actorCommands,
};

/**
 * A table of its own for each listener: it counts calls. Those in `disabled` (`flushall`, `config|set`, in any case) are not in it,
 * so that they are answered as unknown; names that no command has are let pass.
 */
export function newCommandTable(disabled: readonly string[] = []): CommandTable {
  if (disabled.length === 0) return new CommandTable(COMMANDS);
  const names = new Set(disabled.map((name) => name.toLowerCase()));
  return new CommandTable(without(COMMANDS, names, ''));
}

function without(
  commands: Readonly<Record<string, Command>>,
  names: ReadonlySet<string>,
  parent: string,
): Readonly<Record<string, Command>> {
  return Object.fromEntries(
    Object.entries(commands)
      .filter(([name]) => !names.has(parent + name.toLowerCase()))
      .map(([name, row]) => {
        const subcommands = without(row.subcommands, names, `${name.toLowerCase()}|`);
        return [name, { ...row, subcommands }];
      }),
  );
}
