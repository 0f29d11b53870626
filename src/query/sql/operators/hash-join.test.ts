/** Every kind of hash join beside the join by definition, with memory for a few rows and for all. */

import { expect, test } from 'vitest';
import { SeededRandom } from '../../../platform/simulated/seeded-random.ts';
import { Simulation } from '../../../platform/simulated/simulation.ts';
import { QueryMemory } from '../workspace/query-memory.ts';
import { TemporaryFiles } from '../workspace/temporary-files.ts';
import { Workspace } from '../workspace/workspace.ts';
import { HashJoin } from './hash-join.ts';
import type { JoinKind } from './join.ts';
import type { ExecutionContext, ExecutionRow, Operator } from './operator.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const KINDS: readonly JoinKind[] = ['inner', 'left', 'full', 'semi', 'anti'];

/** @param narrowed Told of rows that are left out because no partner has their value. */
function operatorOf(all: readonly ExecutionRow[], narrowed?: (rows: number) => void): Operator {
  let rows = all;
  let position = 0;
  return {
    ...(narrowed && {
      narrow(place, values) {
        rows = rows.filter((row) => values.has(row[place]!));
        narrowed(all.length - rows.length);
      },
    }),
    next() {
      const batch = rows.slice(position, position + 7);
      position += batch.length;
      return batch.length === 0 ? undefined : batch;
    },
    close() {},
  };
}

/** By definition: rows of [id, key] with those that have the same key and, with `bounded`, an id less than 7 away. */
function joined(kind: JoinKind, left: readonly ExecutionRow[], right: readonly ExecutionRow[], bounded: boolean) {
  const out: ExecutionRow[] = [];
  const met = new Set<ExecutionRow>();
  for (const row of left) {
    const partners = right.filter(
      (other) =>
        row[1] !== null && row[1] === other[1] && (!bounded || Math.abs((row[0] as number) - (other[0] as number)) < 7),
    );
    for (const partner of partners) met.add(partner);
    if (kind === 'semi' || kind === 'anti') {
      if (partners.length > 0 === (kind === 'semi')) out.push(row);
    } else if (partners.length === 0 && kind !== 'inner') out.push([...row, null, null]);
    else for (const partner of partners) out.push([...row, ...partner]);
  }
  if (kind === 'full') for (const row of right) if (!met.has(row)) out.push([null, null, ...row]);
  return out;
}

const sorted = (rows: readonly ExecutionRow[]): string[] => rows.map(String).sort();

test.each([1_500, 6_000, 1_000_000])('joins as the definition does, with %s bytes of memory', async (workBytesMax) => {
  const random = new SeededRandom(`${seed} ${workBytesMax}`);
  const { files } = new Simulation(seed).boot();
  const temporaryFiles = new TemporaryFiles({ files, directory: '/temporary', bytesMax: Number.MAX_SAFE_INTEGER });
  const leftOut: Record<JoinKind, number> = { inner: 0, left: 0, full: 0, semi: 0, anti: 0 };
  for (let round = 0; round < 60; round++) {
    const keys = random.chance(0.3) ? 2 : 40;
    const rows = (count: number): ExecutionRow[] =>
      Array.from({ length: count }, () => [random.int(200), random.chance(0.1) ? null : random.int(keys)]);
    const [left, right] = [rows(random.int(120)), rows(random.int(120))];
    const bounded = random.chance(0.5);
    const memory = new QueryMemory(10_000_000);
    for (const kind of KINDS) {
      const workspace = new Workspace({ memory, files: temporaryFiles, limits: { workBytesMax } });
      const context = { workspace, pause: () => undefined } as unknown as ExecutionContext;
      const join = new HashJoin(
        operatorOf(left, (rows) => {
          leftOut[kind] += rows;
        }),
        () => operatorOf(right),
        {
          kind,
          width: 2,
          leftPlaces: [1],
          leftWidth: 2,
          left: [(row) => row[1]!],
          right: [(row) => row[1]!],
          types: ['int4'],
          condition: bounded ? (row) => Math.abs((row[0] as number) - (row[2] as number)) < 7 : undefined,
        },
        context,
      );
      const found: ExecutionRow[] = [];
      for (let batch = await join.next(); batch !== undefined; batch = await join.next()) found.push(...batch);
      expect(await join.next()).toBeUndefined();
      expect(sorted(found), `seed ${seed}, round ${round}, ${kind}`).toEqual(
        sorted(joined(kind, left, right, bounded)),
      );
      join.close();
      workspace.release();
      expect(memory.bytes).toBe(0);
    }
  }
  expect(leftOut).toEqual({ inner: expect.any(Number), semi: expect.any(Number), left: 0, full: 0, anti: 0 });
  expect(Math.min(leftOut.inner, leftOut.semi)).toBeGreaterThan(0);
  await expect.poll(() => temporaryFiles.openFiles).toBe(0);
  expect(temporaryFiles.totals.files > 0).toBe(workBytesMax < 1_000_000);
});
