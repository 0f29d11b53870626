/** Which providers of a configuration are opened. */

import type { Config } from './config.ts';

/** Names of the providers that something uses: the default, the cluster provider, and those of routes. */
export function usedProviders({ providers, routes }: Pick<Config, 'providers' | 'routes'>): ReadonlySet<string> {
  const used = new Set([providers.default, ...Object.values(routes.models), ...routes.actors.values()]);
  if (providers.cluster !== undefined) used.add(providers.cluster);
  return used;
}
