/** Every way to get a file wrong: where the message points, what it says, which fix it offers. */

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { hasCode } from '../../src/base/errors.ts';
import { checkConfig, loadConfig } from '../../src/config/load.ts';
import { inputs } from './inputs.ts';

const FOLDER = new URL('./broken/', import.meta.url);

/** By file: place, message and fix of every problem, in order. A place is line:column. */
const EXPECTED: Readonly<Record<string, readonly (readonly [place: string, message: string, fix: string])[]>> = {
  'authentication-switched-off': [
    [
      '2:16',
      'refusing to bind :: without authentication: everyone who reaches this machine could read and change all data',
      'remove [security.authentication] enabled = false',
    ],
  ],
  'authentication-without-users': [
    [
      '2:11',
      'authentication is enabled, but there are no users',
      'add [[security.users]] with name and password, or set ORBIT_PASSWORD',
    ],
  ],
  'backend-ambiguous': [
    ['2:12', 'several providers are of type memory: one, two', 'name one with defaults.addressable'],
  ],
  'backend-contradicts-default': [
    [
      '5:12',
      'persistence.provider is memory, but the default provider local is of type "RocksDB"',
      'remove one: persistence.provider, or defaults.addressable',
    ],
  ],
  'boolean-as-text': [
    ['2:11', 'protocols.redis.enabled must be true or false; found the text "yes"', 'write it without quotes: true'],
  ],
  'caches-beyond-limit': [
    [
      '6:20',
      'block_cache_size and max_write_buffer_number x write_buffer_size of provider local are more than memory.limit',
      'lower one of the three, or raise [memory] limit',
    ],
  ],
  'cluster-provider-undefined': [
    [
      '2:11',
      'the cluster provider is "members", which is not declared',
      'declare it: [providers.members] with its type; or use one of local, memory, tikv',
    ],
  ],
  'colon-for-equals': [['2:9', 'this is not TOML: illegal character in key', 'a key and its value are joined by =']],
  'default-provider-undefined': [
    ['2:15', 'the default provider is "loacl", which is not declared', 'did you mean "local"?'],
  ],
  'duplicate-key': [
    [
      '3:1',
      'this is not TOML: trying to redefine an already defined table or value',
      'a key or section may stand only once; otherwise see https://toml.io for the syntax',
    ],
  ],
  'enum-typo': [
    [
      '2:15',
      'server.environment must be one of "Development", "Testing", "Staging", "Production"; found the text "Prodution"',
      'did you mean "Production"?',
    ],
  ],
  'enum-unknown': [
    [
      '2:14',
      'storage.durability must be one of "disk", "process", "memory"; found the text "eventually"',
      'give one of "disk", "process", "memory"',
    ],
  ],
  'foreign-sub-table': [['1:2', 'unknown key http in [protocols]', 'the section is [protocols.rest]']],
  'idle-key-of-wrong-type': [
    ['2:11', 'pooling.enabled must be true or false; found the text "sometimes"', 'give true or false'],
  ],
  'key-of-an-older-dialect': [['1:2', 'unknown section or key node', 'the name of the member is [server] node_id']],
  'key-of-another-section': [
    [
      '2:1',
      'unknown key durability in [server]',
      'a key of that name belongs in [storage] or [protocols.blobs] or [providers.NAME]',
    ],
  ],
  'list-expected': [
    [
      '2:11',
      'actors.modules must be a list of at most 256 items, each the path of a file; found the text "./my-actors.js"',
      'write a list: ["./my-actors.js"]',
    ],
  ],
  'list-item-wrong': [
    [
      '2:21',
      'protocols.redis.commands.disabled_commands must be a list of at most 1024 items, each a command name; found 7 as item 2',
      'give a list of at most 1024 items, each a command name; the default is []',
    ],
  ],
  'memory-cannot-keep-disk': [
    [
      '8:14',
      'provider cache of type "Memory" cannot keep durability "disk"',
      'it has no log; use a provider of type "RocksDB", or durability = "memory"',
    ],
  ],
  'memory-provider-says-disk': [
    [
      '3:14',
      'provider cache of type "Memory" cannot keep durability "disk"',
      'it has no log; use a provider of type "RocksDB", or durability = "memory"',
    ],
  ],
  'memory-said-twice': [
    ['5:17', 'performance.memory.max_memory_mb and memory.limit say different things', 'keep memory.limit'],
  ],
  'missing-value': [['2:7', 'this is not TOML: invalid value', 'a value is missing after =']],
  'open-to-the-world': [
    [
      '2:16',
      'refusing to bind 0.0.0.0 without authentication: everyone who reaches this machine could read and change all data',
      'add [[security.users]] with name and password, or set ORBIT_PASSWORD; or bind 127.0.0.1',
    ],
  ],
  'port-as-text': [
    [
      '2:8',
      'protocols.postgresql.port must be a port number from 0 to 65535; found the text "5432"',
      'write it without quotes: 5432',
    ],
  ],
  'port-clashes-with-default': [
    [
      '2:8',
      'protocols.postgresql.port and protocols.redis.port are both 5432',
      'give each listener a port of its own, or 0 for a free one',
    ],
  ],
  'port-fraction': [
    [
      '2:8',
      'protocols.postgresql.port must be a port number from 0 to 65535; found the fraction 5432.5',
      'give a port number from 0 to 65535; the default is 5432',
    ],
  ],
  'port-out-of-range': [
    [
      '2:8',
      'protocols.postgresql.port must be a port number from 0 to 65535; found 65536',
      'give a port number from 0 to 65535; the default is 5432',
    ],
  ],
  'provider-key-of-another-type': [
    ['3:1', 'unknown key pd_endpoints in [providers.main] of type "Memory"', 'it belongs to type = "TiKV"'],
  ],
  'provider-key-unknown': [
    ['3:1', 'unknown key blok_cache_size in [providers.main] of type "RocksDB"', 'did you mean block_cache_size?'],
  ],
  'provider-nested-key-unknown': [
    [
      '3:39',
      'unknown key sync_intervall in [providers.main.disk_backup] of type "Memory"',
      'did you mean sync_interval?',
    ],
  ],
  'provider-type-foreign': [
    [
      '2:8',
      'providers.archive.type "S3" is not supported; supported are "Memory", "RocksDB", "TiKV"',
      'use type = "RocksDB"',
    ],
  ],
  'provider-type-unknown': [
    [
      '2:8',
      'providers.main.type "RockDB" is unknown; supported are "Memory", "RocksDB", "TiKV"',
      'did you mean "RocksDB"?',
    ],
  ],
  'provider-without-type': [
    ['1:2', '[providers.main] lacks its type', 'give type = one of "Memory", "RocksDB", "TiKV"'],
  ],
  'providers-file-missing': [
    ['2:18', 'persistence.providers_file: there is no file nowhere.toml', 'name an existing file'],
  ],
  'route-of-no-model': [['2:1', 'unknown key relationl in [routes.models]', 'did you mean relational?']],
  'route-to-nowhere': [
    [
      '2:42',
      'routes.models.graph is "graphs", which is not declared',
      'declare it: [providers.graphs] with its type; or use one of local, memory, tikv',
    ],
    [
      '3:25',
      'routes.actors.seat-map is "tikv-cluster", which is not declared',
      'declare it: [providers.tikv-cluster] with its type; or use one of local, memory, tikv',
    ],
  ],
  'same-directory-twice': [
    ['7:12', 'providers one and two have the same directory data/x', 'give each a data_dir of its own'],
  ],
  'same-port-twice': [
    [
      '2:8',
      'protocols.postgresql.port and protocols.redis.port are both 7000',
      'give each listener a port of its own, or 0 for a free one',
    ],
  ],
  'secret-of-wrong-type': [
    ['3:12', 'security.users[0].password must be text that is not empty; found a number', 'write it in quotes'],
  ],
  'section-is-a-value': [['1:13', 'protocols must be a table; found a value', 'write [protocols] and its keys below']],
  'seed-nodes-on-one-machine': [
    [
      '2:14',
      'seed nodes need a provider that members share; local is of type "RocksDB"',
      'leave them out for a single member, or set [defaults] cluster to a provider of type "TiKV"',
    ],
  ],
  several: [
    ['2:1', 'unknown key bind_adress in [server]', 'did you mean bind_address?'],
    [
      '5:8',
      'protocols.redis.port must be a port number from 0 to 65535; found 70000',
      'give a port number from 0 to 65535; the default is 6379',
    ],
    [
      '8:9',
      'logging.level must be one of "trace", "debug", "info", "warn", "error"; found the text "verbose"',
      'give one of "trace", "debug", "info", "warn", "error"',
    ],
    [
      '11:10',
      'routes.models.vector is "nowhere", which is not declared',
      'declare it: [providers.nowhere] with its type; or use one of local, memory, tikv',
    ],
  ],
  'size-too-small': [
    [
      '2:9',
      'memory.limit must be a size from 64MB to 1TB, like "256MB" or a number of bytes; found the text "1MB"',
      'give a size from 64MB to 1TB, like "256MB" or a number of bytes',
    ],
  ],
  'size-without-unit-sense': [
    [
      '2:9',
      'memory.limit must be a size from 64MB to 1TB, like "256MB" or a number of bytes; found the text "256 megs"',
      'give a size from 64MB to 1TB, like "256MB" or a number of bytes',
    ],
  ],
  'tikv-endpoint': [
    [
      '3:16',
      'providers.main.pd_endpoints must be a list of at least 1, at most 64 items, each host:port, or https://host:port; found the text "pd-1" as item 1',
      'give a list of at least 1, at most 64 items, each host:port, or https://host:port; the default is ["127.0.0.1:2379"]',
    ],
  ],
  'tikv-half-a-certificate': [
    [
      '5:20',
      'providers.main: a client certificate and its key go together',
      'set both client_cert_path and client_key_path',
    ],
  ],
  'tikv-tls-without-authority': [
    ['3:14', 'providers.main: TLS needs the authority of the servers', 'set ca_cert_path'],
  ],
  'tls-without-key': [['2:13', '[server.tls] lacks key_file', 'a certificate and its key go together']],
  'unclosed-header': [['1:17', 'this is not TOML: illegal character in key', 'a section header ends with ]']],
  'unclosed-string': [
    ['2:17', 'this is not TOML: control characters are not allowed in strings', 'a text lacks its closing quote'],
  ],
  'unknown-key': [['3:1', 'unknown key prot in [protocols.redis]', 'did you mean port?']],
  'unknown-section': [['1:2', 'unknown section or key protcols', 'did you mean protocols?']],
  'unquoted-text': [
    ['2:21', 'this is not TOML: illegal character in numeric literal', 'text needs quotes: "127.0.0.1"'],
  ],
  'unquoted-word': [
    [
      '2:12',
      'this is not TOML: each key-value declaration must be followed by an end-of-line',
      'text needs quotes: "info"',
    ],
  ],
  'user-password-env-unset': [
    ['3:16', 'user admin: environment variable ADMIN_PASSWORD is not set', 'set ADMIN_PASSWORD'],
  ],
  'user-password-file-missing': [
    ['3:17', 'user admin: there is no password in file secrets/admin', 'write the password on its first line'],
  ],
  'user-twice': [['5:3', 'user admin is declared twice', 'keep one of them']],
  'user-with-two-passwords': [
    ['1:3', 'user admin has password and password_env', 'give one of password, password_env, password_file'],
  ],
  'user-without-password': [['1:3', 'user admin has no password', 'give one of password, password_env, password_file']],
  'users-not-an-array': [['1:2', 'security.users must be an array of tables', 'write each as [[security.users]]']],
};

function read(name: string) {
  const files = {
    [`${name}.toml`]: readFileSync(new URL(`${name}.toml`, FOLDER), 'utf8'),
    'server.crt': 'a certificate',
  };
  return inputs({ files, flags: { '--config': `${name}.toml` } });
}

describe('a broken configuration file', () => {
  test('has an expectation, and every expectation a file', () => {
    const names = readdirSync(FOLDER).map((file) => file.replace('.toml', ''));
    expect(names.sort()).toEqual(Object.keys(EXPECTED).sort());
    expect(names.length).toBeGreaterThanOrEqual(25);
  });

  test.each(Object.keys(EXPECTED))('%s: names place, fault and fix', async (name) => {
    const { config, settings } = await checkConfig(read(name));
    expect(config).toBeUndefined();
    const found = settings.problems.map(({ origin, message, fix }) => [
      origin.kind === 'file' ? `${origin.line}:${origin.column}` : origin.kind,
      message,
      fix,
    ]);
    expect(found).toEqual(EXPECTED[name]);
  });

  test('a single problem is the message of the error, its fix the hint', async () => {
    const error = await loadConfig(read('unknown-key')).catch((e: unknown) => e);
    expect(hasCode(error, 'invalid_config') && [error.message, error.hint]).toEqual([
      'unknown-key.toml:3:1: unknown key prot in [protocols.redis]',
      'did you mean port?',
    ]);
  });

  test('several problems are all in the message of one error', async () => {
    const error = await loadConfig(read('several')).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'invalid_config' });
    const { message } = error as Error;
    expect(message).toContain('the configuration has 4 problems');
    for (const [place, text, fix] of EXPECTED.several!) {
      expect(message).toContain(`several.toml:${place}: ${text}\n    hint: ${fix}`);
    }
  });

  test('a secret of the wrong type is not repeated', async () => {
    const error = await loadConfig(read('secret-of-wrong-type')).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'invalid_config' });
    expect(JSON.stringify(error) + (error as Error).message + (error as { hint: string }).hint).not.toContain(
      '20241121',
    );
  });
});
