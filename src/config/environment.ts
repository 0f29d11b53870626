/** What the configuration takes from the process: its environment and the size of the machine. Read nowhere else. */

/** The environment of this process. */
export function processEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** Whether to colour what is written to a stream: to terminals, unless NO_COLOR is set (https://no-color.org). */
export function usesColor(stream: { readonly isTTY?: boolean }, env = processEnvironment()): boolean {
  return stream.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
}

/**
 * The memory this process may hope for: the limit of its control group, else what the host has.
 * `readFile` answers undefined for files that are not there.
 */
export async function hostMemoryBytes(readFile: (path: string) => Promise<string | undefined>): Promise<number> {
  const kilobytes = /^MemTotal:\s*(\d+) kB/m.exec((await readFile('/proc/meminfo')) ?? '')?.[1];
  // Hosts without /proc: what is free at start is the best the runtime tells.
  const host = kilobytes === undefined ? process.availableMemory() : Number(kilobytes) * 1024;
  // Without a limit the runtime answers 0 or a number near 2^64.
  const limit = process.constrainedMemory();
  return limit > 0 && limit < host ? limit : host;
}
