/** What `loadConfig` needs, from literal files and variables: nothing of the machine takes part. */

import type { LoadInputs } from '../../src/config/load.ts';

export const HOST_BYTES = 8 * 2 ** 30;

export function inputs(given: {
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: Readonly<Record<string, string | boolean>>;
  readonly hostMemoryBytes?: number;
}): LoadInputs {
  return {
    flags: given.flags ?? {},
    env: given.env ?? {},
    readFile: async (path) => given.files?.[path],
    hostMemoryBytes: given.hostMemoryBytes ?? HOST_BYTES,
  };
}

/** The inputs of a main file with this text. */
export function main(text: string, given: Omit<Parameters<typeof inputs>[0], 'files'> = {}): LoadInputs {
  return inputs({ ...given, files: { 'orbit.toml': text } });
}
