/**
 * Which providers a configuration declares, and the settings of each: `[providers.NAME]` and the variables
 * ORBIT_MEMORY_*, ORBIT_ROCKSDB_*, ORBIT_TIKV_*.
 *
 * A provider's keys depend on its type, so its table is checked here and not by the general walk. Three names need no
 * declaration; naming one as a default or in a route is enough: `local` (RocksDB), `memory` (Memory), `tikv` (TiKV).
 */

import type { Origin } from './config.ts';
import type { Field } from './field.ts';
import { joinPath, type KeyPath } from './locate.ts';
import { nearest } from './nearest.ts';
import {
  FOREIGN_PROVIDER_TYPES,
  PROVIDER_FIELDS,
  PROVIDER_TYPES,
  type ProviderType,
  providerType,
} from './provider-schema.ts';
import { FIELDS } from './schema.ts';
import { type FileSource, isTable, keyOrigin, pathOf, type Settings, suggestion, valueOrigin } from './settings.ts';

/** Which type's key each variable sets. */
export const PROVIDER_ENV: ReadonlyMap<string, { readonly type: ProviderType; readonly field: Field }> = new Map(
  PROVIDER_TYPES.flatMap((type) =>
    PROVIDER_FIELDS[type].flatMap((field) => (field.env === undefined ? [] : [[field.env, { type, field }] as const])),
  ),
);

const BUILT_IN: ReadonlyMap<string, ProviderType> = new Map([
  ['local', 'RocksDB'],
  ['memory', 'Memory'],
  ['tikv', 'TiKV'],
]);

const SUPPORTED = PROVIDER_TYPES.map((type) => `"${type}"`).join(', ');

export interface DeclaredProvider {
  /** Undefined where the declared type is wrong, which is a problem already reported. */
  readonly type: ProviderType | undefined;
  readonly origin: Origin;
}

export class DeclaredProviders {
  readonly #settings: Settings;
  readonly #byName = new Map<string, DeclaredProvider>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** The provider of that name, which becomes declared if it is a built-in one. */
  require(name: string): DeclaredProvider | undefined {
    const declared = this.#byName.get(name);
    if (declared !== undefined) return declared;
    const type = BUILT_IN.get(name);
    if (type === undefined) return undefined;
    const provider: DeclaredProvider = { type, origin: { kind: 'default' } };
    this.#byName.set(name, provider);
    return provider;
  }

  entries(): Iterable<[string, DeclaredProvider]> {
    return this.#byName.entries();
  }

  /** Names that may be used, for suggestions. */
  names(): string[] {
    return [...new Set([...this.#byName.keys(), ...BUILT_IN.keys()])];
  }

  /** Names of the declared providers of a type. */
  ofType(type: ProviderType): string[] {
    return [...this.#byName].filter(([, provider]) => provider.type === type).map(([name]) => name);
  }

  /** The name of the default provider, which may not be declared. */
  defaultName(): string {
    const named = this.#settings.given(FIELDS.provider.path);
    if (named !== undefined) return named.value as string;
    const backend = this.#settings.given(FIELDS.backend.path);
    if (backend === undefined) return 'local';
    const names = this.ofType(providerType(backend.value as string)!);
    if (names.length > 0) return names.includes('local') ? 'local' : names[0]!;
    return backend.value === 'rocksdb' ? 'local' : (backend.value as string);
  }

  /** Declares a provider from code. */
  declare(name: string, type: ProviderType, origin: Origin): void {
    if (this.#byName.has(name))
      this.#settings.problem(origin, `provider ${name} is declared twice`, 'give it another name');
    this.#byName.set(name, { type, origin });
  }

  /** `[providers.NAME]` of a file. */
  addTable(source: FileSource, name: string, value: unknown): void {
    const settings = this.#settings;
    const path = joinPath('providers', name);
    if (!isTable(value)) {
      settings.problem(
        valueOrigin(source, path),
        `${path} must be a table; found a value`,
        `write [${path}] and its keys below`,
      );
      return;
    }
    if (this.#byName.has(name)) {
      settings.problem(
        keyOrigin(source, path),
        `provider ${name} is declared in two files`,
        'keep one of the declarations',
      );
    }
    const { type: given, ...rest } = value;
    const type = this.#type(source, path, given);
    this.#byName.set(name, { type, origin: keyOrigin(source, path) });
    if (type !== undefined) this.#addKeys(source, path, rest, type, '');
  }

  #type(source: FileSource, path: KeyPath, given: unknown): ProviderType | undefined {
    const settings = this.#settings;
    if (typeof given !== 'string') {
      const origin = given === undefined ? keyOrigin(source, path) : valueOrigin(source, joinPath(path, 'type'));
      const what = given === undefined ? `[${path}] lacks its type` : `${path}.type must be text`;
      settings.problem(origin, what, `give type = one of ${SUPPORTED}`);
      return undefined;
    }
    const type = providerType(given);
    if (type !== undefined) return type;
    const origin = valueOrigin(source, joinPath(path, 'type'));
    const foreign = Object.keys(FOREIGN_PROVIDER_TYPES).find((name) => name.toLowerCase() === given.toLowerCase());
    if (foreign !== undefined) {
      const message = `${path}.type "${foreign}" is not supported; supported are ${SUPPORTED}`;
      settings.problem(origin, message, FOREIGN_PROVIDER_TYPES[foreign]!);
    } else {
      const near = nearest(given, PROVIDER_TYPES);
      const message = `${path}.type ${JSON.stringify(given)} is unknown; supported are ${SUPPORTED}`;
      settings.problem(origin, message, near === undefined ? `give one of ${SUPPORTED}` : `did you mean "${near}"?`);
    }
    return undefined;
  }

  /** Checks the keys of a provider, or with `group` those of a table in it: `disk_backup.`. */
  #addKeys(
    source: FileSource,
    path: KeyPath,
    table: Readonly<Record<string, unknown>>,
    type: ProviderType,
    group: string,
  ): void {
    const fields = PROVIDER_FIELDS[type];
    for (const [key, value] of Object.entries(table)) {
      const full = `providers.*.${group}${key}`;
      const keyPath = joinPath(path, key);
      const field = fields.find((known) => known.path === full);
      if (field !== undefined) this.#settings.put(field, keyPath, value, valueOrigin(source, keyPath));
      else if (isTable(value) && fields.some((known) => known.path.startsWith(`${full}.`))) {
        this.#addKeys(source, keyPath, value, type, `${group}${key}.`);
      } else
        this.#settings.problem(
          keyOrigin(source, keyPath),
          `unknown key ${key} in [${path}] of type "${type}"`,
          keyFix(type, group, key),
        );
    }
  }

  /** A variable about providers. @returns false when it is none. */
  addVariable(variable: string, text: string): boolean {
    const target = PROVIDER_ENV.get(variable);
    if (target === undefined) return false;
    const origin: Origin = { kind: 'env', name: variable };
    const name = this.#subject(target.type, origin);
    if (name !== undefined) this.#settings.putText(target.field, pathOf(target.field, name), text, origin);
    return true;
  }

  /** The provider that a variable about a type means: the default one, else the only one. */
  #subject(type: ProviderType, origin: Origin): string | undefined {
    const chosen = this.defaultName();
    if (this.require(chosen)?.type === type) return chosen;
    const names = this.ofType(type);
    if (names.length === 1) return names[0];
    if (names.length === 0) {
      const message = `no provider of type "${type}" is configured, so this sets nothing`;
      this.#settings.problem(origin, message, `unset it, or set ORBIT_PERSISTENCE_BACKEND=${type.toLowerCase()}`);
    } else {
      const message = `several providers are of type "${type}": ${names.join(', ')}`;
      this.#settings.problem(origin, message, 'set the key in the file, at the provider you mean');
    }
    return undefined;
  }
}

function keyFix(type: ProviderType, group: string, key: string): string {
  const beginning = `providers.*.${group}`;
  const keys = PROVIDER_FIELDS[type].flatMap(({ path }) =>
    path.startsWith(beginning) ? [path.slice(beginning.length).split('.')[0]!] : [],
  );
  if (nearest(key, keys) === undefined) {
    const other = PROVIDER_TYPES.find((t) => PROVIDER_FIELDS[t].some(({ path }) => path === beginning + key));
    if (other !== undefined) return `it belongs to type = "${other}"`;
  }
  return suggestion({ children: new Map(['type', ...keys].map((name) => [name, undefined])) }, key, new Map());
}
