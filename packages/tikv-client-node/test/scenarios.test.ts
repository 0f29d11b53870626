/** That none of the forty scenarios is missing, and that the list of them is true. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ALL_SUITES } from './scenarios/all.ts';
import { bytes, CARRIERS, putAll, readText, World } from './support/world.ts';

const FORTY = Array.from({ length: 40 }, (_, i) => i + 1);

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Numbers that begin the titles of the tests in a file. */
function numbersIn(name: string): ReadonlySet<number> {
  const titles = readFileSync(here(name), 'utf8').matchAll(/\bit\('([\d, ]+):/g);
  return new Set([...titles].flatMap(([, numbers]) => numbers!.split(',').map(Number)));
}

const scenarios = ALL_SUITES.flatMap(({ name, scenarios }) => scenarios.map((one) => ({ ...one, suite: name })));

it('each of the forty scenarios is there, and runs in the process and over gRPC', () => {
  const numbers = new Set(scenarios.flatMap((one) => one.numbers));
  expect([...numbers].sort((a, b) => a - b)).toEqual(FORTY);
  const runners = ['./scenarios-in-process.test.ts', './scenarios-grpc.test.ts'].map((name) =>
    readFileSync(here(name), 'utf8'),
  );
  for (const [index, carrier] of CARRIERS.entries()) {
    expect(runners[index]).toContain(`runSuites(ALL_SUITES, '${carrier}')`);
  }
});

it('the list of scenarios says what there is', async () => {
  const anyCluster = numbersIn('./any-cluster.test.ts');
  const rows = FORTY.map((number) => {
    const titles = scenarios.filter((one) => one.numbers.includes(number));
    const tests = titles.map(({ suite, title }) => `${suite}: ${title}`).join('<br>');
    return `| ${number} | ${tests} | yes | yes | ${anyCluster.has(number) ? 'yes' : ''} |`;
  });
  const text = `# The forty scenarios

Each is one text in \`scenarios/\`, run in the process (\`scenarios-in-process.test.ts\`) and over gRPC
(\`scenarios-grpc.test.ts\`: the servers listen on TCP, connections are cut, listeners close; the clock is the tests' own).
Those of \`any-cluster.test.ts\` also run against the cluster that \`TIKV_PD_ENDPOINTS\` names. This file is written by
\`npx vitest run packages/tikv-client-node/test/scenarios.test.ts -u\`.

| | Tests | In the process | Over gRPC | Any cluster |
|---|---|---|---|---|
${rows.join('\n')}
`;
  await expect(text).toMatchFileSnapshot(here('./scenarios.md'));
});

it('over gRPC, bytes travel through sockets, and a stopped store has no listener', async () => {
  const world = new World({ carrier: 'over gRPC', stores: 1, pdMembers: 1 });
  await world.run(async (client) => {
    await putAll(client, { a: '1' });
    expect(world.connections).toBeGreaterThanOrEqual(2);
    const [store] = world.cluster.stores;
    const before = world.connections;
    world.cluster.stopStore(store!.id);
    const startedMs = world.time.elapsedMs;
    await expect((await client.begin()).get(bytes('a'))).rejects.toMatchObject({ code: 'region_unavailable' });
    expect(world.connections).toBe(before);
    expect(world.time.elapsedMs - startedMs).toBeGreaterThan(10_000); // Of the tests' clock.
    world.cluster.startStore(store!.id);
    expect(await readText(client, 'a')).toBe('1');
    expect(world.connections).toBeGreaterThan(before);
  });
  const inProcess = new World();
  await inProcess.run((client) => putAll(client, { a: '1' }));
  expect(inProcess.connections).toBe(0);
});
