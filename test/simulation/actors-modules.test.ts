/** Actor modules of users: what loads, and what is said when one does not. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadActorModules } from '../../src/actors/load-actor-modules.ts';

let directory: string;
const actorModule = pathToFileURL(join(import.meta.dirname, '../../src/actors/actor.ts')).href;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orbit-modules-'));
  const definition = (type: string) =>
    `({ kind: 'actor', type: '${type}', initial: () => ({}), methods: { ping: () => '${type}' } })`;
  await writeFile(join(directory, 'one.mjs'), `export const One = ${definition('one')};\nexport const helper = 7;\n`);
  await writeFile(
    join(directory, 'again.mjs'),
    `export { One } from './one.mjs';\nexport default ${definition('two')};\n`,
  );
  await writeFile(join(directory, 'rival.mjs'), `export const Rival = ${definition('one')};\n`);
  await writeFile(join(directory, 'empty.mjs'), 'export const helper = 7;\n');
  await writeFile(join(directory, 'broken.mjs'), 'export const = 7;\n');
  await writeFile(
    join(directory, 'defined.mjs'),
    `import { defineActor } from ${JSON.stringify(actorModule)};\n` +
      `export const Defined = defineActor({ type: 'defined', initial: () => ({}), methods: { ping() {} } });\n`,
  );
});

afterAll(() => rm(directory, { recursive: true, force: true }));

test('definitions of all modules are found, in order, and shared ones once', async () => {
  const definitions = await loadActorModules(['./one.mjs', 'again.mjs', join(directory, 'defined.mjs')], directory);
  expect(definitions.map((definition) => definition.type)).toEqual(['one', 'two', 'defined']);
});

test('a module that is missing, broken, empty or in conflict is named', async () => {
  for (const [modules, message] of [
    [['missing.mjs'], /^actor module missing\.mjs cannot be loaded: /],
    [['broken.mjs'], /^actor module broken\.mjs cannot be loaded: /],
    [['no-such-package'], /^actor module no-such-package cannot be loaded: /],
    [['empty.mjs'], /^actor module empty\.mjs exports no actor definition$/],
    [['one.mjs', 'rival.mjs'], /^actor modules one\.mjs and rival\.mjs both define the actor type "one"$/],
  ] as const) {
    await expect(loadActorModules(modules, directory)).rejects.toMatchObject({
      code: 'invalid_config',
      message: expect.stringMatching(message),
    });
  }
});
