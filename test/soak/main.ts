/**
 * `npm run soak -- NAME [--count N | --rows N] [--rounds N] [--seed N] [--store tikv] [--write]`: runs one long test. Progress while it goes, the
 * result as the last line; exit code 1 when a promise was not kept. `--write` puts the result into docs/soak.md. Never part
 * of the tests.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../support/server.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const SOAKS: Readonly<Record<string, () => Promise<(options: SoakOptions) => Promise<SoakResult>>>> = {
  isolation: async () => (await import('./isolation.ts')).isolation,
  kill: async () => (await import('./kill.ts')).kill,
  memory: async () => (await import('./memory.ts')).memory,
  backup: async () => (await import('./backup.ts')).backup,
  blobs: async () => (await import('./blobs.ts')).blobs,
  snapshots: async () => (await import('./snapshots.ts')).snapshots,
  erasure: async () => (await import('./erasure.ts')).erasure,
  resp: async () => (await import('./resp.ts')).resp,
  queries: async () => (await import('./queries.ts')).queries,
  sql: async () => (await import('./sql.ts')).sql,
  'sql-language': async () => (await import('./sql-language.ts')).sqlLanguage,
  'sql-isolation': async () => (await import('./sql-isolation.ts')).sqlIsolation,
  corpus: async () => (await import('./corpus.ts')).corpus,
  clients: async () => (await import('./clients.ts')).clients,
  fuzz: async () => (await import('./fuzz.ts')).fuzz,
  abuse: async () => (await import('./abuse.ts')).abuse,
  tikv: async () => (await import('./tikv.ts')).tikv,
  'tikv-memory': async () => (await import('./tikv-memory.ts')).tikvMemory,
  'tikv-outages': async () => (await import('./tikv-outages.ts')).tikvOutages,
  'tikv-seeds': async () => (await import('./tikv-seeds.ts')).tikvSeeds,
};

/** Those that take `--store tikv`. */
const ON_TIKV: ReadonlySet<string> = new Set(['resp', 'sql', 'clients', 'kill']);

const { name, options, write } = readArguments();
const load = Object.hasOwn(SOAKS, name) ? SOAKS[name] : undefined;
if (load === undefined) usage();
// Servers that were started end with this process.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
// Timers of the platform do not keep a process alive; a soak does until it is done.
const keepAlive = setInterval(() => {}, 1_000);
const { problems, line } = await (await load())(options);
clearInterval(keepAlive);
for (const problem of problems) process.stderr.write(`${problem}\n`);
if (write && problems.length === 0)
  await record(options.store === undefined ? name : `${name} --store ${options.store}`, line);
process.stdout.write(`${name}: ${problems.length === 0 ? 'passed' : 'FAILED'}: ${line}\n`);
process.exit(problems.length === 0 ? 0 : 1);

function readArguments(): { readonly name: string; readonly options: SoakOptions; readonly write: boolean } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        count: { type: 'string' },
        rows: { type: 'string' },
        rounds: { type: 'string' },
        seed: { type: 'string' },
        store: { type: 'string' },
        write: { type: 'boolean', default: false },
      },
    });
    const number = (text: string | undefined): number | undefined => {
      if (text !== undefined && !/^[1-9]\d*$/.test(text)) usage();
      return text === undefined ? undefined : Number(text);
    };
    if (values.store !== undefined && (values.store !== 'tikv' || !ON_TIKV.has(positionals[0] ?? ''))) usage();
    const options: SoakOptions = {
      seed: number(values.seed) ?? 1,
      count: number(values.count ?? values.rows),
      rounds: number(values.rounds),
      store: values.store as 'tikv' | undefined,
      progress: (line) => void process.stdout.write(`${line}\n`),
    };
    return { name: positionals[0] ?? '', options, write: values.write };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    usage();
  }
}

function usage(): never {
  process.stderr.write(
    `usage: npm run soak -- ${Object.keys(SOAKS).join('|')} [--count N | --rows N] [--rounds N] [--seed N] [--store tikv] [--write]\n`,
  );
  process.exit(2);
}

/** Replaces the last column of the soak's row. */
async function record(soak: string, result: string): Promise<void> {
  const path = join(ROOT, 'docs/soak.md');
  const page = await readFile(path, 'utf8');
  const row = new RegExp(`^(\\| \`${soak}\` \\|.*\\|) [^|]* \\|$`, 'm');
  if (!row.test(page)) throw new Error(`docs/soak.md has no row for ${soak}`);
  await writeFile(
    path,
    page.replace(row, (_, before: string) => `${before} ${result.replaceAll('|', '/')} |`),
  );
}
