/** What `orbit config print` and `check` write. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkConfigCommand, printConfig } from '../../src/config/commands.ts';
import { type LoadInputs, loadConfig } from '../../src/config/load.ts';
import { inputs, main } from './inputs.ts';

async function print(given: LoadInputs, format: 'toml' | 'json' = 'toml'): Promise<string> {
  const lines: string[] = [];
  await printConfig(given, format, (line) => lines.push(line));
  return lines.join('\n');
}

function fixture(name: string): string {
  return readFileSync(new URL(`./files/${name}`, import.meta.url), 'utf8');
}

test('print shows every origin', async () => {
  const printed = await print(
    main('[protocols.redis]\nport = 7000', { env: { ORBIT_HTTP_PORT: '7001' }, flags: { '--metrics-port': '7002' } }),
  );
  expect(printed).toMatch(/^\[protocols\.redis\]\n.*\nport = 7000 +# orbit\.toml:2$/m);
  expect(printed).toMatch(/^port = 7001 +# env ORBIT_HTTP_PORT$/m);
  expect(printed).toMatch(/^port = 7002 +# flag --metrics-port$/m);
  expect(printed).toMatch(/^port = 5432 +# default$/m);
  expect(printed).toMatch(/^\[providers\.local\]\ntype = "RocksDB"\n/m);
});

test.each([
  ['defaults', inputs({})],
  ['a server file', main(fixture('orbit-server.toml'))],
  ['a persistence file', main(fixture('persistence.toml'))],
  ['routes and actors', main('[routes.actors]\n"my.type" = "memory"\n[actors]\nmodules = ["/a.js", "/b c.js"]')],
])('what print writes for %s gives the same configuration again', async (_, given) => {
  const { origins: _o, warnings: _w, ...first } = await loadConfig(given);
  const { origins: _p, warnings: _v, ...second } = await loadConfig(main(await print(given)));
  // Idle keys are not printed, nor is the older name of the memory limit needed.
  expect(second).toEqual(first);
});

test('secrets are not shown', async () => {
  const given = main('[[security.users]]\nname = "a"\npassword = "hunter2"', { env: { ORBIT_PASSWORD: 'hunter3' } });
  for (const format of ['toml', 'json'] as const) {
    const printed = await print(given, format);
    expect(printed).not.toContain('hunter');
    expect(printed).toContain('security');
  }
});

test('print as JSON has value and origin of every key', async () => {
  const printed = JSON.parse(await print(main('[memory]\nlimit = "1GB"'), 'json')) as {
    values: Record<string, unknown>;
  };
  expect(printed.values['memory.limit']).toEqual({ value: 2 ** 30, origin: 'orbit.toml:2' });
  expect(printed.values['providers.local.type']).toEqual({ value: 'RocksDB', origin: 'declaration' });
});

test('check lists what has no effect', async () => {
  const lines: string[] = [];
  const text = '[pooling]\nmin_connections = 3\n[providers.far]\ntype = "TiKV"\n[defaults]\naddressable = "far"';
  expect(await checkConfigCommand(main(text), 'text', (line) => lines.push(line))).toBe(true);
  expect(lines).toEqual([
    'warning: orbit.toml:2:19: accepted for compatibility, has no effect: pooling.min_connections',
    '  hint: the server is its own store: there are no connections to pool',
    'orbit.toml: ok',
  ]);
});

test('check as JSON is one document, right or wrong', async () => {
  const lines: string[] = [];
  const wrong = main('[protocols.redis]\nprot = 1');
  expect(await checkConfigCommand(wrong, 'json', (line) => lines.push(line))).toBe(false);
  expect(JSON.parse(lines.join('\n'))).toMatchObject({
    ok: false,
    file: 'orbit.toml',
    problems: [
      { origin: { line: 2, column: 1 }, message: 'unknown key prot in [protocols.redis]', fix: 'did you mean port?' },
    ],
  });
});
