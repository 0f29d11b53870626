import { startPgServer } from './test/wire/pg-server.ts';
import { startPostgres } from './test/wire/postgres-reference.ts';
import { parseScript, printScript, answerOf } from './test/scripts/sql/script.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import pg from 'pg';
const ref = (await startPostgres())!; const s = await startPgServer();
const write = process.argv[2] === 'write';
for (const f of ['expressions','tables','transactions']) {
  const p = `./test/scripts/sql/${f}.txt`;
  const blocks = parseScript(readFileSync(p,'utf8'));
  const a = new pg.Client(ref.config), b = new pg.Client(s.config); await a.connect(); await b.connect();
  const out = [];
  for (const bl of blocks) {
    if (bl.statement === '') { out.push(bl); continue; }
    const x = await answerOf(a, bl.statement); let y; try { y = await answerOf(b, bl.statement);} catch (e: any) { y = 'THROW ' + e.stack; }
    if (x !== y) console.log('>>', f, bl.statement, '\n  PG:', x, '\n  OR:', y);
    out.push({...bl, expected: x});
  }
  if (write) writeFileSync(p, printScript(out));
  await a.end(); await b.end();
}
await s.stop(); await ref.stop();
