/**
 * What `npm test` runs: all tests, or the files named as arguments, with what vitest takes besides.
 *
 * The seed of randomized tests follows the commit, so that a run repeats while the commit stands and other slices are
 * tried with the next one; ORBIT_TEST_SEED repeats any run. Says which tests have to leave something out because a
 * program of the system is missing, and how to get it.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Programs that tests run against, and the Debian package of each. PostgreSQL's server tools are in no PATH there. */
const PROGRAMS = [
  { name: 'redis-cli', package: 'redis-tools', skips: 'Redis commands typed into the stock client' },
  { name: 'redis-server', package: 'redis-server', skips: 'comparisons with the replies of Redis' },
  { name: 'psql', package: 'postgresql', skips: 'SQL typed into the stock client' },
  { name: 'pgbench', package: 'postgresql-contrib', skips: 'the stock PostgreSQL load generator' },
  { name: 'strace', package: 'strace', skips: 'proofs that a reply leaves after its sync' },
];

const seed = process.env.ORBIT_TEST_SEED ?? seedOfCommit();
console.log(`ORBIT_TEST_SEED=${seed}`);
const missing = PROGRAMS.filter((program) => !isInstalled(program.name));
for (const { name, skips } of missing) console.log(`skipping ${skips}: no ${name}`);
if (missing.length > 0) {
  console.log(`to run them: scripts/install-peers.sh (Debian packages ${missing.map((one) => one.package).join(' ')})`);
}

const run = spawnSync(
  process.execPath,
  [join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...process.argv.slice(2)],
  { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ORBIT_TEST_SEED: seed } },
);
if (run.error !== undefined) throw run.error;
process.exitCode = run.status ?? 1;

/** A decimal below 2^32. Outside of a git checkout always the same. */
function seedOfCommit(): string {
  let commit = 'no commit';
  try {
    commit = execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    // A tarball, or a machine without git.
  }
  return String(createHash('sha256').update(commit.trim()).digest().readUInt32BE(0));
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
