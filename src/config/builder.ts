/**
 * Providers from code, for those who embed the server: the same checks and defaults as the file.
 *
 *   const providers = persistence()
 *     .withRocksDb('local', { dataDir: '/var/lib/orbit', blockCacheSize: '512MB' })
 *     .withTiKv('tikv-cluster', { pdEndpoints: ['pd-1:2379', 'pd-2:2379'] }, true)
 *     .build();
 *
 * Options are the keys of the file in camelCase; sizes and durations may be text with a unit.
 */

import type { Origin, ProvidersConfig } from './config.ts';
import { DeclaredProviders } from './declared-providers.ts';
import type { Field } from './field.ts';
import { problemsError } from './load.ts';
import {
  type MEMORY_FIELDS,
  PROVIDER_FIELDS,
  type ProviderType,
  type ROCKSDB_FIELDS,
  type TIKV_FIELDS,
} from './provider-schema.ts';
import { resolveProviders } from './resolve-providers.ts';
import { FIELDS } from './schema.ts';
import { pathOf, Settings } from './settings.ts';

type CamelCase<S> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : S;
type Given<T> = NonNullable<T> extends number ? number | string : NonNullable<T>;
type OptionsOf<Fields> = {
  readonly [K in keyof Fields as CamelCase<K>]?: Fields[K] extends Field<infer T> ? Given<T> : never;
};

export type MemoryOptions = OptionsOf<typeof MEMORY_FIELDS>;
export type RocksDbOptions = OptionsOf<typeof ROCKSDB_FIELDS>;
export type TiKvOptions = OptionsOf<typeof TIKV_FIELDS>;

export interface BuildOptions {
  /** Directory in which providers without one of their own get one. Default `./data`. */
  readonly dataDir?: string;
  /** Bounds the default sizes of caches and buffers. Default 4 GiB. */
  readonly memoryLimitBytes?: number;
}

export interface PersistenceBuilder {
  withMemory(name: string, options?: MemoryOptions, isDefault?: boolean): PersistenceBuilder;
  withRocksDb(name: string, options?: RocksDbOptions, isDefault?: boolean): PersistenceBuilder;
  withTiKv(name: string, options?: TiKvOptions, isDefault?: boolean): PersistenceBuilder;
  /**
   * The default is the provider added with `isDefault`, else the only one.
   * @throws OperationError `invalid_config` listing every problem.
   */
  build(options?: BuildOptions): ProvidersConfig;
}

export function persistence(): PersistenceBuilder {
  return new Builder();
}

const ORIGIN: Origin = { kind: 'builder' };

class Builder implements PersistenceBuilder {
  readonly #settings = new Settings();
  readonly #declared = new DeclaredProviders(this.#settings);
  readonly #defaults: string[] = [];

  withMemory(name: string, options: MemoryOptions = {}, isDefault = false): this {
    return this.#add('Memory', name, options, isDefault);
  }

  withRocksDb(name: string, options: RocksDbOptions = {}, isDefault = false): this {
    return this.#add('RocksDB', name, options, isDefault);
  }

  withTiKv(name: string, options: TiKvOptions = {}, isDefault = false): this {
    return this.#add('TiKV', name, options, isDefault);
  }

  build(options: BuildOptions = {}): ProvidersConfig {
    const settings = this.#settings;
    const names = [...this.#declared.entries()].map(([name]) => name);
    const name = this.#defaults[0] ?? (names.length === 1 ? names[0] : undefined);
    if (this.#defaults.length > 1) {
      settings.problem(
        ORIGIN,
        `several providers are the default: ${this.#defaults.join(', ')}`,
        'pass true for one only',
      );
    }
    if (name === undefined) {
      const fix =
        names.length === 0 ? 'call withMemory, withRocksDb or withTiKv' : 'pass true as third argument for one';
      settings.problem(ORIGIN, names.length === 0 ? 'there is no provider' : 'no provider is the default', fix);
      throw problemsError(settings.problems);
    }
    settings.put(FIELDS.provider, FIELDS.provider.path, name, ORIGIN);
    const { providers } = resolveProviders(
      settings,
      this.#declared,
      options.dataDir ?? './data',
      options.memoryLimitBytes ?? 4 * 2 ** 30,
    );
    if (settings.problems.length > 0) throw problemsError(settings.problems);
    return providers;
  }

  #add(type: ProviderType, name: string, options: Readonly<Record<string, unknown>>, isDefault: boolean): this {
    this.#declared.declare(name, type, ORIGIN);
    if (isDefault) this.#defaults.push(name);
    for (const [option, value] of Object.entries(options)) {
      if (value === undefined) continue;
      const key = option.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      const field = PROVIDER_FIELDS[type].find(({ path }) => path === `providers.*.${key}`);
      if (field === undefined)
        this.#settings.problem(ORIGIN, `unknown option ${option} of provider ${name}`, `it is no option of "${type}"`);
      else this.#settings.put(field, pathOf(field, name), value, ORIGIN);
    }
    return this;
  }
}
