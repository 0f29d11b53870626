/**
 * Time, chance, files and sockets are reached through `platform/` alone: one call of `Date.now` elsewhere, and a
 * simulation no longer repeats. The environment is read in `config/` alone.
 */

import { describe, expect, it } from 'vitest';
import { importsOf, readSources, type Source, withoutCommentsAndStrings } from './source.ts';

interface Confined {
  readonly what: string;
  /** Matched against code without comments and strings. */
  readonly code?: RegExp;
  /** Matched against the specifiers of imports. */
  readonly module?: RegExp;
  readonly allowed: readonly RegExp[];
}

/** A package has a platform of its own, as small as it needs: the folders named `node`. */
const PLATFORM = /^src\/platform\/|^packages\/[^/]+\/(?:src|test-cluster)\/node\//;
/** Its native binding is loaded by path, and runs in worker threads. */
const ROCKSDB = /^src\/providers\/rocksdb\//;
const MAIN = /^src\/main\.ts$/;
const CONFIG = /^src\/config\//;

const CONFINED: readonly Confined[] = [
  { what: 'the wall clock', code: /\bDate\.now\b|\bnew Date\(\s*\)|(?<![.\w])Date\(\s*\)/, allowed: [PLATFORM] },
  { what: 'a monotonic clock', code: /\bperformance\.|\bprocess\.(?:hrtime|uptime)\b/, allowed: [PLATFORM] },
  // Salts and keys may come from `node:crypto`: they are to be unpredictable even where all else repeats.
  { what: 'chance', code: /\bMath\.random\b/, allowed: [PLATFORM] },
  { what: 'a timer', code: /(?<![.\w#])(?:setTimeout|setInterval|setImmediate)\b/, allowed: [PLATFORM] },
  {
    what: 'the outside world',
    module:
      /^(?:node:)?(?:fs|fs\/promises|net|tls|dgram|dns|http|https|http2|os|timers|timers\/promises|perf_hooks|child_process|cluster)$/,
    allowed: [PLATFORM],
  },
  { what: 'worker threads', module: /^(?:node:)?worker_threads$/, allowed: [PLATFORM, ROCKSDB] },
  { what: 'the network', code: /(?<![.\w#])(?:fetch|WebSocket)\(/, allowed: [PLATFORM] },
  { what: 'the environment', code: /\bprocess\.env\b/, allowed: [CONFIG] },
  {
    what: 'the process', // What ends it, signals it or tells where it runs; its measurements are free to read.
    code: /\bprocess\.(?:abort|argv|chdir|cwd|exit|exitCode|kill|on|once|stderr|stdin|stdout|title|umask)\b/,
    module: /^(?:node:)?process$/,
    allowed: [PLATFORM, ROCKSDB, MAIN],
  },
];

function violations(sources: readonly Source[]): string[] {
  const found: string[] = [];
  for (const { path, text } of sources) {
    const lines = withoutCommentsAndStrings(text).split('\n');
    const modules = importsOf(text).filter((one) => !one.typeOnly);
    for (const { what, code, module, allowed } of CONFINED) {
      if (allowed.some((pattern) => pattern.test(path))) continue;
      for (const [index, line] of lines.entries()) {
        const match = code?.exec(line);
        if (match != null) found.push(`${path}:${index + 1} reaches for ${what}: ${match[0]}`);
      }
      for (const { specifier } of modules) {
        if (module?.test(specifier) === true) found.push(`${path} reaches for ${what}: ${specifier}`);
      }
    }
  }
  return found;
}

describe('confinement', () => {
  it('keeps time, chance, files, sockets and the environment where they belong', () => {
    expect(violations(readSources('src', 'packages'))).toEqual([]);
  });

  it.each([
    'const now = Date.now();',
    'const now = new Date();',
    'const start = performance.now();',
    'const start = process.hrtime.bigint();',
    'const coin = Math.random() < 0.5;',
    'setTimeout(run, 10);',
    'const timer = setInterval(run, 10);',
    'return new Promise((resolve) => setImmediate(resolve));',
    "import { readFile } from 'node:fs/promises';",
    "import * as fs from 'fs';",
    "import net from 'node:net';",
    "const os = await import('node:os');",
    "import { Worker } from 'node:worker_threads';",
    'const home = process.env.HOME;',
    'process.exit(1);',
    `const text = \`now: \${Date.now()}\`;`,
    'const quarter = total / 4; const now = Date.now(); const half = total / 2;',
    'const pattern = /["\'`]/; const now = Date.now();',
  ])('canary: notices %s', (text) => {
    expect(violations([{ path: 'src/storage/store.ts', text }])).toHaveLength(1);
  });

  it.each([
    '// Unlike Date.now(), this one is monotonic.',
    '/** Not `setTimeout`. */',
    "throw new Error('Date.now() is not available');",
    "import type { Server } from 'node:net';",
    'this.timers.setTimeout(run);',
    'const date = new Date(valueMs);',
    'process.nextTick(run);',
    'const { rss } = process.memoryUsage();',
  ])('lets pass: %s', (text) => {
    expect(violations([{ path: 'src/storage/store.ts', text }])).toEqual([]);
  });

  it('allows each in its own place only', () => {
    const at = (path: string, text: string) => violations([{ path, text }]).length;
    expect(at('src/platform/node-platform.ts', "import net from 'node:net'; Date.now(); Math.random();")).toBe(0);
    expect(at('src/config/load.ts', 'const port = process.env.ORBIT_PORT;')).toBe(0);
    expect(at('src/config/load.ts', 'Date.now();')).toBe(1);
    expect(at('src/main.ts', 'process.on(signal, stop);')).toBe(0);
    expect(at('src/main.ts', 'process.env.HOME;')).toBe(1);
    expect(at('src/providers/rocksdb/worker.ts', "import { Worker } from 'node:worker_threads';")).toBe(0);
    expect(at('src/providers/memory/worker.ts', "import { Worker } from 'node:worker_threads';")).toBe(1);
    expect(at('packages/tikv-client-node/src/node/grpc-transport.ts', "import { connect } from 'node:http2';")).toBe(0);
    expect(at('packages/tikv-client-node/src/client.ts', "import { connect } from 'node:http2'; Date.now();")).toBe(2);
  });
});
