/** docs/configuration.md says what the schema says. `vitest run test/config/documentation.test.ts -u` brings it up to date. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { PROVIDER_FIELDS, PROVIDER_TYPES } from '../../src/config/provider-schema.ts';
import { FIELDS } from '../../src/config/schema.ts';
import { inputs } from './inputs.ts';
import { BEGIN, END, renderReference } from './reference.ts';

const FILE = fileURLToPath(new URL('../../docs/configuration.md', import.meta.url));

test('the reference in docs/configuration.md is that of the schema', async () => {
  const written = readFileSync(FILE, 'utf8');
  const [before, rest] = written.split(BEGIN) as [string, string];
  const after = rest.slice(rest.indexOf(END));
  await expect(`${before}${BEGIN}\n\n${renderReference()}\n\n${after}`).toMatchFileSnapshot(FILE);
});

test('every key, variable and flag is in the document', () => {
  const written = readFileSync(FILE, 'utf8');
  for (const { path, env } of [...Object.values(FIELDS), ...PROVIDER_TYPES.flatMap((type) => PROVIDER_FIELDS[type])]) {
    expect(written).toContain(path.split('.').at(-1)!.replace('*', 'TYPE'));
    if (env !== undefined) expect(written).toContain(env);
  }
});

test('the examples in docs/configuration.md are right', async () => {
  const examples = [...readFileSync(FILE, 'utf8').matchAll(/```toml\n(.*?)```/gs)].map(([, text]) => text!);
  expect(examples.length).toBeGreaterThan(2);
  const certificate = { 'server.crt': '-', 'server.key': '-' };
  for (const example of examples) {
    const files = { 'orbit.toml': example, ...certificate };
    await loadConfig(inputs({ files, env: { ADMIN_PASSWORD: 'secret' } }));
  }
});
