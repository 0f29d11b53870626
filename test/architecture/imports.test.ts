/** Imports point down the list of layers (docs/architecture.md), and neither folders nor files form circles. */

import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf, readSources, type Source } from './source.ts';

/** What each layer may import besides itself. Files directly in `src/` are the wiring. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  base: [],
  platform: ['base'],
  storage: ['platform', 'base'],
  providers: ['storage', 'platform', 'base'],
  cluster: ['storage', 'platform', 'base'],
  models: ['blobs', 'cluster', 'storage', 'platform', 'base'],
  blobs: ['models', 'cluster', 'storage', 'platform', 'base'],
  query: ['models', 'blobs', 'cluster', 'storage', 'platform', 'base'],
  actors: ['models', 'blobs', 'cluster', 'storage', 'platform', 'base'],
  protocols: ['query', 'actors', 'models', 'blobs', 'cluster', 'storage', 'platform', 'base'],
  config: ['protocols', 'query', 'actors', 'models', 'blobs', 'cluster', 'storage', 'platform', 'base'],
};

/** Folders below `src/` above a file: `src/query/sql/operators/limit.ts` has three. */
const FOLDERS_MAX = 3;

/** "src/query/sql/plan.ts imports src/actors/turn.ts: query may not import actors", and so on. */
function violations(sources: readonly Source[]): string[] {
  const found: string[] = [];
  const edges = new Map<string, Set<string>>();
  for (const { path, text } of sources) {
    if (path.split('/').length - 2 > FOLDERS_MAX) found.push(`${path} is more than ${FOLDERS_MAX} folders below src/`);
    const layer = layerOf(path);
    if (layer !== 'wiring' && BELOW[layer] === undefined) found.push(`${path} is in ${layer}, which is no layer`);
    for (const { specifier } of importsOf(text)) {
      if (specifier.startsWith('#') && !path.startsWith('src/providers/')) {
        found.push(`${path} imports ${specifier}: only a provider imports a package of ours`);
      }
      if (!specifier.startsWith('.')) continue;
      const target = posix.join(posix.dirname(path), specifier);
      if (!target.endsWith('.ts')) found.push(`${path} imports ${specifier} without the .ts extension`);
      if (!target.startsWith('src/')) found.push(`${path} imports ${target}, outside of src/`);
      else if (target.endsWith('.test.ts')) found.push(`${path} imports the test ${target}`);
      else {
        const wrong = wrongLayer(path, target);
        if (wrong !== undefined) found.push(`${path} imports ${target}: ${wrong}`);
        const [from, to] = [posix.dirname(path), posix.dirname(target)];
        if (!isWithin(from, to) && !isWithin(to, from)) edges.set(from, (edges.get(from) ?? new Set()).add(to));
      }
    }
  }
  const circle = circleIn(edges);
  if (circle !== undefined) found.push(`folders import each other in a circle: ${circle.join(' -> ')}`);
  return found;
}

/** Files that load each other, the first of them again at the end. Types are not there when programs run, and bind nothing. */
function circleOfFiles(sources: readonly Source[]): string[] | undefined {
  const edges = new Map<string, Set<string>>();
  for (const { path, text } of sources) {
    const loaded = importsOf(text).filter(({ specifier, typeOnly }) => specifier.startsWith('.') && !typeOnly);
    edges.set(path, new Set(loaded.map(({ specifier }) => posix.join(posix.dirname(path), specifier))));
  }
  return circleIn(edges);
}

/** A package imports nothing of ours outside of itself, and its client nothing of its test cluster. */
function packageViolations(sources: readonly Source[]): string[] {
  const found: string[] = [];
  for (const { path, text } of sources) {
    const home = path.split('/').slice(0, 2).join('/');
    for (const { specifier } of importsOf(text)) {
      if (!specifier.startsWith('.')) {
        if (!specifier.startsWith('node:')) found.push(`${path} depends on ${specifier}`);
        continue;
      }
      const target = posix.join(posix.dirname(path), specifier);
      if (!isWithin(target, home)) found.push(`${path} imports ${target}, outside of its package`);
      if (isWithin(path, `${home}/src`) && !isWithin(target, `${home}/src`)) found.push(`${path} imports ${target}`);
    }
  }
  return found;
}

function wrongLayer(path: string, target: string): string | undefined {
  const [from, to] = [layerOf(path), layerOf(target)];
  if (from === 'wiring') {
    return to === 'providers' && path !== 'src/server.ts' ? 'only src/server.ts imports a provider' : undefined;
  }
  if (from === to || BELOW[from]?.includes(to) === true) return undefined;
  return `${from} may not import ${to}`;
}

function layerOf(path: string): string {
  const parts = path.split('/');
  return parts.length === 2 ? 'wiring' : parts[1]!;
}

/** A folder and what lies in it count as one when looking for circles: `sql/` and `sql/operators/` work together. */
function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(`${outer}/`);
}

function circleIn(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const done = new Set<string>();
  const visit = (from: string, trail: readonly string[]): string[] | undefined => {
    const seenAt = trail.indexOf(from);
    if (seenAt >= 0) return [...trail.slice(seenAt), from];
    if (done.has(from)) return undefined;
    for (const next of edges.get(from) ?? []) {
      const circle = visit(next, [...trail, from]);
      if (circle !== undefined) return circle;
    }
    done.add(from);
    return undefined;
  };
  for (const from of edges.keys()) {
    const circle = visit(from, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

describe('imports', () => {
  it('point down the list of layers', () => {
    const sources = readSources('src');
    expect(sources.length).toBeGreaterThan(10);
    expect(violations(sources)).toEqual([]);
  });

  it('lead from no file back to it', () => {
    expect(circleOfFiles(readSources('src', 'packages'))).toBeUndefined();
    const [a, b] = [importing('src/base/a.ts', './b.ts'), importing('src/base/b.ts', './c.ts')];
    const back: Source = { path: 'src/base/c.ts', text: "export { type T, x } from './a.ts';\n" };
    expect(circleOfFiles([a, b, back])?.join(' -> ')).toBe(
      'src/base/a.ts -> src/base/b.ts -> src/base/c.ts -> src/base/a.ts',
    );
    expect(circleOfFiles([a, b, { ...back, text: "import type { T } from './a.ts';\n" }])).toBeUndefined();
  });

  it('stay inside of a package', () => {
    const sources = readSources('packages').filter(({ path }) => !path.split('/').includes('test'));
    expect(sources.length).toBeGreaterThan(10);
    expect(packageViolations(sources)).toEqual([]);
    const canaries = [
      importing('packages/a/src/x.ts', '../../../src/base/assert.ts'),
      importing('packages/a/src/x.ts', '../test-cluster/y.ts'),
      importing('packages/a/src/x.ts', 'zod'),
    ];
    for (const canary of canaries) expect(packageViolations([canary])).not.toEqual([]);
  });

  const importing = (path: string, ...specifiers: string[]): Source => ({
    path,
    text: specifiers.map((specifier) => `import { x } from '${specifier}';\n`).join(''),
  });

  it.each([
    ['up the list', importing('src/storage/store.ts', '../query/sql/plan.ts'), 'storage may not import query'],
    ['query and actors', importing('src/query/sql/plan.ts', '../../actors/turn.ts'), 'query may not import actors'],
    ['actors and query', importing('src/actors/turn.ts', '../query/sql/plan.ts'), 'actors may not import query'],
    ['a provider from below', importing('src/models/keyvalue/a.ts', '../../providers/memory/b.ts'), 'models may not'],
    ['a provider from main', importing('src/main.ts', './providers/memory/b.ts'), 'only src/server.ts imports'],
    [
      'the wiring from below',
      importing('src/protocols/resp/a.ts', '../../server.ts'),
      'protocols may not import wiring',
    ],
    ['configuration from below', importing('src/cluster/a.ts', '../config/b.ts'), 'cluster may not import config'],
    ['a test', importing('src/base/a.ts', './b.test.ts'), 'imports the test'],
    ['outside of src', importing('src/base/a.ts', '../../test/support/b.ts'), 'outside of src/'],
    ['no extension', importing('src/base/a.ts', './b'), 'without the .ts extension'],
    ['types only', { path: 'src/base/a.ts', text: "import type { T } from '../storage/b.ts';" }, 'base may not import'],
    ['dynamically', { path: 'src/base/a.ts', text: "await import('../storage/b.ts');" }, 'base may not import storage'],
    ['a re-export', { path: 'src/base/a.ts', text: "export * from '../storage/b.ts';" }, 'base may not import storage'],
    [
      'over several lines',
      { path: 'src/base/a.ts', text: "import {\n  a,\n  type B,\n} from '../storage/b.ts';" },
      'base may not import storage',
    ],
    ['a package', importing('src/query/sql/a.ts', '#tikv-client'), 'only a provider imports a package'],
    ['four folders down', importing('src/query/sql/a/b/c.ts', './d.ts'), 'more than 3 folders'],
    ['a folder that is no layer', importing('src/utils/a.ts', './b.ts'), 'no layer'],
  ])('canary: notices %s', (_what, source, message) => {
    expect(violations([source]).join('\n')).toContain(message);
  });

  it('canary: notices folders in a circle', () => {
    const sources = [
      importing('src/protocols/resp/a.ts', '../http/b.ts'),
      importing('src/protocols/http/b.ts', '../pgwire/c.ts'),
      importing('src/protocols/pgwire/c.ts', '../resp/a.ts'),
    ];
    expect(violations(sources).join('\n')).toContain('in a circle: src/protocols/resp -> src/protocols/http');
  });

  it('lets a folder and the folders in it import each other, and ignores comments', () => {
    const sources = [
      importing('src/query/sql/a.ts', './operators/b.ts'),
      importing('src/query/sql/operators/b.ts', '../a.ts', '../../../storage/c.ts'),
      { path: 'src/base/a.ts', text: "// import { x } from '../storage/b.ts';\n/* import '../storage/b.ts'; */" },
    ];
    expect(violations(sources)).toEqual([]);
  });
});
