/**
 * Functions and operators as rows of tables: a signature in text, and the code behind it.
 *
 *   name(arguments) [setof] result [stable | volatile] [called] [waits]
 *
 * A result is a type, or `{name:type,…}` for a record of these fields.
 *
 * An argument is a type, or a name and a type, with `= constant` when calls may leave it out, `variadic` when it repeats.
 * Without further words a function is immutable and strict: a null argument makes the result null without a call; `called`
 * says that it wants to see nulls, `waits` that the kernel may answer with a promise. A kernel takes the arguments in order (those that repeat as one array) and then the
 * context. Who needs to know which types stand for `anyelement` gives a `build` instead of a kernel.
 */

import { assert } from '../../../base/assert.ts';
import type { UserFunction } from '../../../models/relational/function-definition.ts';
import { recordTypeOf } from '../types/record-types.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import type { EvaluationContext } from './evaluation.ts';

/** The values of the arguments, then the context. A function that returns a set gives an iterable. */
// biome-ignore lint/suspicious/noConfusingVoidType: functions of type void.
export type Kernel = (...args: never[]) => SqlValue | Iterable<SqlValue> | Promise<SqlValue> | void;

export interface KernelBuilder {
  /** Of the types that a call has after coercion, and of its result. */
  readonly build: (types: readonly SqlType[], result: SqlType) => Kernel;
}

/** From signatures to code. */
export type FunctionTable = Readonly<Record<string, Kernel | KernelBuilder>>;

export interface FunctionDefinition {
  readonly name: string;
  readonly arguments: readonly SqlType[];
  readonly argumentNames: readonly (string | undefined)[];
  /** Values of the last arguments, for calls that leave them out. */
  readonly defaults: readonly string[];
  /** The last argument repeats. */
  readonly variadic: boolean;
  readonly result: SqlType;
  /** Of several OUT parameters of polymorphic types: the record that they make once it is known what those are. */
  readonly resultFor?: (concrete: (type: SqlType) => SqlType) => SqlType;
  readonly returnsSet: boolean;
  readonly strict: boolean;
  readonly volatility: 'immutable' | 'stable' | 'volatile';
  /** The kernel may answer with a promise. */
  readonly waits: boolean;
  readonly code: Kernel | KernelBuilder;
  /** Of a function that a user defined: `code` is never run. */
  readonly user?: UserFunction;
}

export type RunContext = EvaluationContext;

const SIGNATURE = /^(\S+?)\((.*)\) (setof )?(\S+)((?: (?:stable|volatile|called|waits))*)$/;

function parseSignature(signature: string, code: Kernel | KernelBuilder): FunctionDefinition {
  const match = SIGNATURE.exec(signature);
  assert(match !== null, () => `malformed signature ${signature}`);
  const [, name, list, setof, result, words] = match;
  const types: SqlType[] = [];
  const names: (string | undefined)[] = [];
  const defaults: string[] = [];
  let variadic = false;
  for (const part of list === '' ? [] : list!.split(', ')) {
    const [declared, value] = part.split(' = ') as [string, string | undefined];
    const parts = declared.split(' ');
    if (parts[0] === 'variadic') {
      variadic = true;
      parts.shift();
    }
    types.push(parts.at(-1) as SqlType);
    names.push(parts.length > 1 ? parts[0] : undefined);
    if (value !== undefined) defaults.push(value);
  }
  return {
    name: name!,
    arguments: types,
    argumentNames: names,
    defaults,
    variadic,
    result: result!.startsWith('{') ? recordOf(result!) : (result as SqlType),
    returnsSet: setof !== undefined,
    strict: !words!.includes('called'),
    waits: words!.includes('waits'),
    volatility: words!.includes('volatile') ? 'volatile' : words!.includes('stable') ? 'stable' : 'immutable',
    code,
  };
}

function recordOf(fields: string): SqlType {
  return recordTypeOf(
    fields
      .slice(1, -1)
      .split(',')
      .map((field) => {
        const [name, type] = field.split(':') as [string, SqlType];
        return { name, type, modifier: -1 };
      }),
  );
}

/** Functions by name. Signatures are read when a name is first asked for. */
export class FunctionDirectory {
  readonly #unread = new Map<string, [signature: string, code: Kernel | KernelBuilder][]>();
  readonly #known = new Map<string, readonly FunctionDefinition[]>();

  constructor(tables: readonly FunctionTable[]) {
    for (const table of tables) {
      for (const [signature, code] of Object.entries(table)) {
        const name = signature.slice(0, signature.indexOf('('));
        const rows = this.#unread.get(name);
        if (rows === undefined) this.#unread.set(name, [[signature, code]]);
        else rows.push([signature, code]);
      }
    }
  }

  has(name: string): boolean {
    return this.#unread.has(name);
  }

  named(name: string): readonly FunctionDefinition[] {
    let found = this.#known.get(name);
    if (found === undefined) {
      found = (this.#unread.get(name) ?? []).map(([signature, code]) => parseSignature(signature, code));
      if (found.length > 0) this.#known.set(name, found);
    }
    return found;
  }

  *all(): Iterable<FunctionDefinition> {
    for (const name of this.#unread.keys()) yield* this.named(name);
  }
}
