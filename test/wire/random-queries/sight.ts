/** What an expression of a random query can name, and what all parts of one statement share while it is made. */

import type { SeededRandom } from '../../../src/platform/simulated/seeded-random.ts';
import type { GeneratedType } from './generated-types.ts';

export interface GeneratedColumn {
  readonly name: string;
  readonly type: GeneratedType;
}

export interface Source {
  readonly alias: string;
  readonly columns: readonly GeneratedColumn[];
}

/** Items of FROM, those of the queries around after them. */
export interface Sight {
  readonly sources: readonly Source[];
  readonly outer: Sight | undefined;
}

export interface Query {
  readonly sql: string;
  readonly columns: readonly GeneratedColumn[];
}

/** The statement that is being made. */
export class Statement {
  readonly random: SeededRandom;
  #aliases = 0;
  /** Queries of WITH in sight. */
  readonly ctes: Source[] = [];
  /** Subqueries that may still be put into it. */
  subqueries = 3;

  constructor(random: SeededRandom) {
    this.random = random;
  }

  alias(): string {
    return `s${++this.#aliases}`;
  }
}

export function columnsIn({ sources }: Sight, type: GeneratedType): readonly string[] {
  return sources.flatMap(({ alias, columns }) =>
    columns.filter((column) => column.type === type).map(({ name }) => `${alias}.${name}`),
  );
}

/** Every column there is, so that rows that are alike are alike in all. */
export function totalOrder({ sources }: Sight): string {
  // Equal intervals may look different, and so may equal numbers of different scales.
  const all = sources.flatMap(({ alias, columns }) =>
    columns.filter(({ type }) => type !== 'iv').map(({ name }) => `${alias}.${name}`),
  );
  const ids = all.filter((name) => /\.id$/.test(name));
  return (ids.length === sources.length ? ids : all).join(', ');
}
