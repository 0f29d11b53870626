/** All of the corpus beside PostgreSQL 18 within the process, and PostgreSQL 15 where it is installed. */

import { CorpusServers, corpusNames, newReport, readCorpus } from '../scripts/corpus/corpus.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

/** `count`: of files, from the first on. */
export async function corpus({ count, progress }: SoakOptions): Promise<SoakResult> {
  const names = corpusNames().slice(0, count);
  const report = newReport();
  const servers = await CorpusServers.start();
  try {
    for (const name of names) {
      const before = report.statements;
      await servers.run(readCorpus(name), report);
      progress(`${name}: ${report.statements - before} statements, ${report.differences.length} differences`);
    }
  } finally {
    await servers.stop();
  }
  for (const [mark, times] of [...report.marks].sort()) progress(`${times} times ${mark}`);
  return {
    problems: [...report.differences, ...report.stale, ...report.learnt],
    line:
      `${report.statements.toLocaleString('en')} statements in ${names.length} files, ${report.errors.toLocaleString('en')} of them ` +
      `refused by all alike, ${report.differences.length} differences, ${report.marked} marked ones`,
  };
}
