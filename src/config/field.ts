/**
 * A configuration key: its path in the file, the kind of its value, its default and its other names.
 *
 * The tables of fields (`schema.ts`, `provider-schema.ts`, `compatibility.ts`) are the single source for validation,
 * `orbit config print` and the reference in docs/configuration.md. A path part `*` stands for a name the user chooses,
 * a part `[]` for each row of an array of tables.
 */

import type { Kind } from './kinds.ts';

export interface Field<T = unknown> {
  readonly path: string;
  readonly kind: Kind<unknown>;
  /** The normalised default; undefined when there is none, or when it depends on other values. */
  readonly initial: T;
  /** How a default that depends on other values comes about, for documentation. */
  readonly initially: string | undefined;
  readonly env: string | undefined;
  readonly about: string;
  /** Never shown: passwords. */
  readonly secret: boolean;
  /** Relative paths in a file are relative to that file. */
  readonly besideFile: boolean;
  /** Set where this build accepts the key for compatibility but does nothing with it. */
  readonly idle: Idle | undefined;
}

export interface Idle {
  /** Why, and what to use instead. */
  readonly why: string;
  /** True for values that ask for what this build does anyway, so that no one need be warned. */
  readonly usual: (value: unknown) => boolean;
}

export interface FieldOptions {
  readonly env?: string;
  readonly initially?: string;
  readonly secret?: boolean;
  readonly besideFile?: boolean;
}

/** A key without a default, or with a computed one. */
export function field<T>(
  path: string,
  kind: Kind<T>,
  initial: undefined,
  about: string,
  options?: FieldOptions,
): Field<T | undefined>;
/** A key with a fixed default. */
export function field<T>(
  path: string,
  kind: Kind<T>,
  initial: NoInfer<T>,
  about: string,
  options?: FieldOptions,
): Field<T>;
export function field(
  path: string,
  kind: Kind<unknown>,
  initial: unknown,
  about: string,
  options: FieldOptions = {},
): Field {
  return {
    path,
    kind,
    initial,
    initially: options.initially,
    env: options.env,
    about,
    secret: options.secret ?? false,
    besideFile: options.besideFile ?? false,
    idle: undefined,
  };
}

/** A key that is accepted without effect; `usual` values need no warning. */
export function idle(path: string, kind: Kind<unknown>, why: string, ...usual: readonly unknown[]): Field {
  const same = (value: unknown) => usual.some((u) => JSON.stringify(u) === JSON.stringify(value));
  return { ...field(path, kind, undefined, ''), idle: { why, usual: same } };
}
