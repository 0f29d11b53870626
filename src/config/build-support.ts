/** What a valid configuration may ask for and this build does not have. */

import { OperationError } from '../base/errors.ts';
import { BUILD_PROVIDERS } from './compatibility.ts';
import type { Config } from './config.ts';

/** Names of the providers that something uses: the default, the cluster provider, and those of routes. */
export function usedProviders({ providers, routes }: Pick<Config, 'providers' | 'routes'>): ReadonlySet<string> {
  const used = new Set([providers.default, ...Object.values(routes.models), ...routes.actors.values()]);
  if (providers.cluster !== undefined) used.add(providers.cluster);
  return used;
}

/** @throws OperationError `unsupported` naming what this build cannot do. */
export function assertBuildSupports(config: Pick<Config, 'providers' | 'routes'>): void {
  for (const name of usedProviders(config)) {
    const provider = config.providers.byName.get(name);
    if (provider === undefined || BUILD_PROVIDERS.has(provider.type)) continue;
    throw new OperationError(
      'unsupported',
      `provider ${name} is of type "${provider.type}", which this build does not have`,
      {
        hint: `its configuration is valid, but only ${[...BUILD_PROVIDERS].join(' and ')} can be opened: use one of these`,
      },
    );
  }
}
