/**
 * `npm run bench -- NAME`: runs one benchmark beside its peer, both alternating in the same run, and prints one line for
 * each case with the medians and their ratio, as soon as they are known where the benchmark yields them one by one. Never part of
 * the tests.
 */

interface Bench {
  run(): Promise<readonly string[]> | AsyncIterable<string>;
}

const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  storage: () => import('./storage.ts'),
  actors: () => import('./actors.ts'),
  resp: () => import('./resp.ts'),
  pg: () => import('./pg.ts'),
  logic: () => import('./logic.ts'),
  sql: () => import('./sql.ts'),
  tikv: () => import('./tikv.ts'),
  blobs: () => import('./blobs.ts'),
  erasure: () => import('./erasure.ts'),
};

const name = process.argv[2] ?? '';
const load = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
if (load === undefined) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(BENCHES).join('|')}\n`);
  process.exit(2);
}
// Timers of the platform do not keep a process alive; a benchmark does until it is done.
const keepAlive = setInterval(() => {}, 1_000);
for await (const line of await (await load()).run()) process.stdout.write(`${line}\n`);
clearInterval(keepAlive);
process.exit(0);
