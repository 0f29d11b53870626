/** From files, variables and flags to one configuration: precedence, origins, normalisation, what is between values. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { showOrigin } from '../../src/config/config.ts';
import { checkConfig, loadConfig } from '../../src/config/load.ts';
import { usedProviders } from '../../src/config/used-providers.ts';
import { HOST_BYTES, inputs, main } from './inputs.ts';

const MB = 2 ** 20;

function fixture(name: string): string {
  return readFileSync(new URL(`./files/${name}`, import.meta.url), 'utf8');
}

/** Messages and fixes of all problems, one per line. */
async function problemsOf(given: Parameters<typeof checkConfig>[0]): Promise<string> {
  const { settings } = await checkConfig(given);
  return settings.problems.map(({ origin, message, fix }) => `${showOrigin(origin)}: ${message}; ${fix}`).join('\n');
}

describe('without any input', () => {
  test('the server is on loopback, durable, on RocksDB, with the documented ports', async () => {
    const config = await loadConfig(inputs({}));
    expect(config.server).toMatchObject({ bind: '127.0.0.1', dataDir: './data', nodeId: undefined, tls: undefined });
    expect(config.providers.default).toBe('local');
    expect([...config.providers.byName.keys()]).toEqual(['local']);
    expect(config.providers.byName.get('local')).toEqual({
      type: 'RocksDB',
      durability: 'disk',
      dataDir: './data/local',
      backgroundJobsMax: 4,
      writeBufferBytes: 128 * MB,
      writeBuffersMax: 3,
      statistics: true,
      blockCacheBytes: 614 * MB,
      logSegmentBytes: 32 * MB,
      logRetainBytes: 128 * MB,
    });
    const { grpc, http, metrics, postgres, redis } = config.listeners;
    expect([grpc, http, metrics, postgres, redis].map(({ port }) => port)).toEqual([50_051, 8080, 9090, 5432, 6379]);
    expect(config.users).toEqual([]);
    expect(config.security.authentication).toBe(false);
    expect(config.warnings).toEqual([]);
    expect([...config.origins.values()].every(({ kind }) => kind === 'default')).toBe(true);
  });

  test('memory is 60 % of what the machine has, and caches fit into it', async () => {
    expect((await loadConfig(inputs({}))).memory.limitBytes).toBe(Math.floor((HOST_BYTES * 0.6) / MB) * MB);
    const small = await loadConfig(inputs({ hostMemoryBytes: 512 * MB }));
    const local = small.providers.byName.get('local');
    expect(small.memory.limitBytes).toBe(307 * MB);
    expect(local).toMatchObject({ blockCacheBytes: 38 * MB });
    expect(local?.type === 'RocksDB' && local.writeBufferBytes * local.writeBuffersMax).toBeLessThan(64 * MB);
  });
});

describe('precedence', () => {
  const file = '[protocols.redis]\nport = 1001\n';

  test.each([
    ['default', inputs({}), 6379, 'default'],
    ['file over default', main(file), 1001, 'orbit.toml:2'],
    ['environment over file', main(file, { env: { ORBIT_REDIS_PORT: '1002' } }), 1002, 'env ORBIT_REDIS_PORT'],
    [
      'flag over environment',
      main(file, { env: { ORBIT_REDIS_PORT: '1002' }, flags: { '--redis-port': '1003' } }),
      1003,
      'flag --redis-port',
    ],
  ])('%s', async (_, given, port, origin) => {
    const config = await loadConfig(given);
    expect(config.listeners.redis.port).toBe(port);
    expect(showOrigin(config.origins.get('protocols.redis.port')!)).toBe(origin);
  });

  test('a wrong value is a problem even where a stronger one hides it', async () => {
    const given = main('[protocols.redis]\nport = "x"\n', { flags: { '--redis-port': '1003' } });
    expect(await problemsOf(given)).toContain('orbit.toml:2: protocols.redis.port must be a port number');
  });

  test('an empty variable is as if it were not set', async () => {
    const config = await loadConfig(main(file, { env: { ORBIT_REDIS_PORT: '', ORBIT_NODE_ID: '' } }));
    expect(config.listeners.redis.port).toBe(1001);
    expect(config.server.nodeId).toBeUndefined();
  });
});

describe('the configuration file', () => {
  test('is named by flag, variable, or is orbit.toml', async () => {
    const files = {
      'a.toml': '[server]\nnode_id = "a"',
      'b.toml': '[server]\nnode_id = "b"',
      'orbit.toml': '[server]\nnode_id = "c"',
    };
    const env = { ORBIT_CONFIG_PATH: 'b.toml' };
    expect((await loadConfig(inputs({ files, env, flags: { '--config': 'a.toml' } }))).server.nodeId).toBe('a');
    expect((await loadConfig(inputs({ files, env }))).server.nodeId).toBe('b');
    expect((await loadConfig(inputs({ files }))).server.nodeId).toBe('c');
  });

  test('must exist where it was named', async () => {
    expect(await problemsOf(inputs({ flags: { '--config': 'x.toml' } }))).toContain(
      'flag --config: there is no file x.toml',
    );
    expect(await problemsOf(inputs({ env: { ORBIT_CONFIG_PATH: 'x.toml' } }))).toContain(
      'env ORBIT_CONFIG_PATH: there is no file',
    );
  });

  test('places paths of its input files beside itself, and the data directory not', async () => {
    const text = '[actors]\nmodules = ["./mine.js", "/opt/theirs.js"]\n[server]\ndata_dir = "store"';
    const config = await loadConfig(
      inputs({ files: { 'etc/orbit.toml': text }, flags: { '--config': 'etc/orbit.toml' } }),
    );
    expect(config.actors.modules).toEqual(['etc/mine.js', '/opt/theirs.js']);
    expect(config.server.dataDir).toBe('store');
  });

  test('of Orbit-RS loads as it is, and every key that has no effect is told', async () => {
    const config = await loadConfig(main(fixture('orbit-server.toml')));
    expect(config.server).toMatchObject({ nodeId: 'orbit-node-1', environment: 'Production' });
    expect(config.listeners.postgres).toMatchObject({
      port: 15_432,
      connectionsMax: 200,
      connectTimeoutMs: 20_000,
      queryTimeoutMs: 45_000,
    });
    expect(config.listeners.redis).toMatchObject({
      port: 16_379,
      connectTimeoutMs: 30_000,
      disabledCommands: ['flushall', 'debug'],
      pipelineCommandsMax: 64,
    });
    expect(config.actors).toMatchObject({ activationsMax: 20_000, mailboxTurnsMax: 500 });
    expect(config.memory.limitBytes).toBe(4096 * MB);
    expect(config.logging).toEqual({ level: 'warn', format: 'json' });
    const warnings = config.warnings.map(({ message, fix }) => `${message}: ${fix}`).join('\n');
    expect(warnings).toContain('protocols.mysql.enabled');
    expect(warnings).toContain('pooling.enabled');
    expect(warnings).toContain('unified_storage.hot_tier');
    // What is asked for anyway, or switched off, needs no warning.
    for (const quiet of ['cql', 'tracing', 'tiered', 'enable_pgvector', 'tcp_nodelay', 'outputs[0]'])
      expect(warnings).not.toContain(quiet);
  });

  test('that is the example of this project loads without a warning', async () => {
    const text = readFileSync(new URL('../../config/orbit.example.toml', import.meta.url), 'utf8');
    const config = await loadConfig(main(text));
    expect(config.warnings).toEqual([]);
    expect(config.routes.actors).toEqual(new Map([['session-cache', 'scratch']]));
    expect(config.routes.models.graph).toBe('local');
  });
});

describe('the persistence file', () => {
  const text = fixture('persistence.toml');

  async function check(given: Parameters<typeof loadConfig>[0]) {
    const { providers } = await loadConfig(given);
    expect(providers).toMatchObject({ default: 'tikv-cluster', cluster: 'tikv-cluster' });
    expect(providers.byName.get('tikv-cluster')).toMatchObject({
      type: 'TiKV',
      durability: 'disk',
      pdEndpoints: ['pd-1:2379', 'pd-2:2379', 'pd-3:2379'],
      tls: { caFile: '/certs/ca.crt', certFile: undefined, keyFile: undefined },
      patience: 1,
      requestSource: 'external_orbit',
      coalesceGets: false,
      snapshotCacheBytes: 1024 * 1024,
      batchKeysMax: 5000,
      keyPrefix: 'orbit-prod',
      connectTimeoutMs: 30_000,
      regionCacheTtlMs: 300_000,
    });
    expect(providers.byName.get('cache')).toMatchObject({
      type: 'RocksDB',
      dataDir: './cache',
      backgroundJobsMax: 2,
      statistics: false,
    });
    expect(providers.byName.get('memory')).toEqual({ type: 'Memory', durability: 'memory', entriesMax: 100_000 });
  }

  test('serves as the main file', () => check(main(text)));

  test('serves as a separate file, named in the main file relative to it', () =>
    check(
      inputs({
        files: { 'etc/orbit.toml': '[persistence]\nproviders_file = "p.toml"', 'etc/p.toml': text },
        flags: { '--config': 'etc/orbit.toml' },
      }),
    ));

  test('serves as a separate file named by a flag', () =>
    check(inputs({ files: { 'p.toml': text }, flags: { '--providers-file': 'p.toml' } })));

  test('is weaker than the main file about the default', async () => {
    const files = {
      'orbit.toml': '[defaults]\naddressable = "cache"\n[persistence]\nproviders_file = "p.toml"',
      'p.toml': text,
    };
    const { providers } = await loadConfig(inputs({ files }));
    expect(providers).toMatchObject({ default: 'cache', cluster: 'tikv-cluster' });
  });

  test('holds providers only, each once', async () => {
    const files = {
      'orbit.toml': '[persistence]\nproviders_file = "p.toml"\n[providers.a]\ntype = "Memory"',
      'p.toml': '[server]\nnode_id = "x"\n[providers.a]\ntype = "Memory"',
    };
    const problems = await problemsOf(inputs({ files }));
    expect(problems).toContain('p.toml:1: [server] does not belong in a providers file');
    expect(problems).toContain('p.toml:3: provider a is declared in two files');
  });
});

describe('the environment', () => {
  test('tells how patient the client of TiKV is, and what it is called there', async () => {
    const env = {
      ORBIT_PERSISTENCE_BACKEND: 'tikv',
      ORBIT_TIKV_MAX_RETRIES: '6',
      ORBIT_TIKV_REQUEST_SOURCE: 'external_shop',
    };
    const { providers } = await loadConfig(inputs({ env }));
    expect(providers.byName.get('tikv')).toMatchObject({ patience: 2, requestSource: 'external_shop' });
    expect(await problemsOf(inputs({ env: { ...env, ORBIT_TIKV_MAX_RETRIES: '0' } }))).toContain(
      'ORBIT_TIKV_MAX_RETRIES',
    );
  });

  test.each([
    ['memory', 'memory', 'Memory'],
    ['rocksdb', 'local', 'RocksDB'],
    ['tikv', 'tikv', 'TiKV'],
    ['RocksDB', 'local', 'RocksDB'],
  ])('ORBIT_PERSISTENCE_BACKEND=%s makes %s the default', async (backend, name, type) => {
    const { providers } = await loadConfig(inputs({ env: { ORBIT_PERSISTENCE_BACKEND: backend } }));
    expect(providers.default).toBe(name);
    expect(providers.byName.get(name)?.type).toBe(type);
  });

  test.each(['cow_btree', 'lsm_tree'])(
    'ORBIT_PERSISTENCE_BACKEND=%s is refused, naming what there is',
    async (backend) => {
      const problems = await problemsOf(inputs({ env: { ORBIT_PERSISTENCE_BACKEND: backend } }));
      expect(problems).toContain('must be one of "memory", "rocksdb", "tikv"');
      expect(problems).toContain(backend);
    },
  );

  test('sets keys of the default provider of a type', async () => {
    const env = {
      ORBIT_ROCKSDB_BLOCK_CACHE_SIZE: '33554432',
      ORBIT_ROCKSDB_ENABLE_STATISTICS: 'false',
      ORBIT_ROCKSDB_DATA_DIR: './db',
    };
    const { providers, origins } = await loadConfig(inputs({ env }));
    expect(providers.byName.get('local')).toMatchObject({
      blockCacheBytes: 32 * MB,
      statistics: false,
      dataDir: './db',
    });
    expect(showOrigin(origins.get('providers.local.data_dir')!)).toBe('env ORBIT_ROCKSDB_DATA_DIR');
  });

  test('sets the TiKV document’s keys', async () => {
    const { providers } = await loadConfig(
      inputs({
        env: {
          ORBIT_PERSISTENCE_BACKEND: 'tikv',
          ORBIT_TIKV_PD_ENDPOINTS: 'pd-1:2379, pd-2:2379',
          ORBIT_TIKV_ENABLE_TLS: 'true',
          ORBIT_TIKV_CA_CERT_PATH: '/certs/ca.crt',
          ORBIT_TIKV_ENABLE_ASYNC_COMMIT: 'false',
          ORBIT_TIKV_ENABLE_PESSIMISTIC_TXN: '1',
          ORBIT_TIKV_RETRY_DELAY_MS: '250',
        },
      }),
    );
    expect(providers.byName.get('tikv')).toMatchObject({
      pdEndpoints: ['pd-1:2379', 'pd-2:2379'],
      asyncCommit: false,
      tls: { caFile: '/certs/ca.crt' },
    });
  });

  test('about a type that no provider has is a problem, as is one that could mean several', async () => {
    expect(await problemsOf(inputs({ env: { ORBIT_TIKV_BATCH_SIZE: '5' } }))).toContain(
      'no provider of type "TiKV" is configured',
    );
    const several =
      '[defaults]\naddressable = "memory"\n[providers.a]\ntype = "RocksDB"\n[providers.b]\ntype = "RocksDB"';
    expect(await problemsOf(main(several, { env: { ORBIT_ROCKSDB_DATA_DIR: 'x' } }))).toContain(
      'several providers are of type "RocksDB": a, b',
    );
  });

  test.each([
    ['ORBIT_REDIS_PROT', 'did you mean ORBIT_REDIS_PORT?'],
    ['ORBIT_ROCKSDB_BLOCK_CACH_SIZE', 'did you mean ORBIT_ROCKSDB_BLOCK_CACHE_SIZE?'],
    ['ORBIT_TIKV_ENDPOINTS', 'did you mean ORBIT_TIKV_PD_ENDPOINTS?'],
    ['ORBIT_LSM_DATA_DIR', 'use ORBIT_ROCKSDB_*'],
    ['ORBIT_ENABLE_TLS', 'ORBIT_TLS_CERT_FILE'],
    ['ORBIT_SOMETHING_ELSE_ENTIRELY', 'docs/configuration.md'],
  ])('%s is unknown, with a fix', async (name, fix) => {
    const problems = await problemsOf(inputs({ env: { [name]: '1' } }));
    expect(problems).toContain(`env ${name}: unknown environment variable`);
    expect(problems).toContain(fix);
  });

  test('that Kubernetes makes for services called orbit is not ours', async () => {
    const env = {
      ORBIT_SERVICE_HOST: '10.0.0.1',
      ORBIT_SERVICE_PORT_REDIS: '6379',
      ORBIT_PORT: 'tcp://10.0.0.1:6379',
      ORBIT_PORT_6379_TCP_ADDR: '10.0.0.1',
      ORBIT_REDIS_PORT: 'tcp://10.0.0.2:6379',
      HOME: '/root',
    };
    expect((await loadConfig(inputs({ env }))).listeners.redis.port).toBe(6379);
  });
});

describe('every variable and flag', () => {
  test('of the schema is recognised and reaches its key', async () => {
    const { FIELDS } = await import('../../src/config/schema.ts');
    for (const field of Object.values(FIELDS)) {
      if (field.env === undefined) continue;
      const problems = await problemsOf(inputs({ env: { [field.env]: '\u0000' } }));
      expect(problems, field.env).not.toContain('unknown environment variable');
    }
  });

  test('sets a key that exists', async () => {
    const { FIELDS } = await import('../../src/config/schema.ts');
    const { COMMON_FLAGS, START_FLAGS } = await import('../../src/config/flags.ts');
    const paths = new Set<string>(Object.values(FIELDS).map(({ path }) => path));
    for (const { path } of [...COMMON_FLAGS, ...START_FLAGS]) if (path !== undefined) expect(paths).toContain(path);
  });
});

describe('providers and routes', () => {
  test('a built-in name needs no declaration', async () => {
    const config = await loadConfig(main('[routes.models]\ntimeseries = "memory"'));
    expect([...config.providers.byName].map(([name, { type }]) => [name, type])).toEqual([
      ['local', 'RocksDB'],
      ['memory', 'Memory'],
    ]);
    expect(config.routes.models).toMatchObject({ timeseries: 'memory', relational: 'local' });
  });

  test('actor types with any name are routed', async () => {
    const config = await loadConfig(main('[routes.actors]\nseat-map = "memory"\n"my.type" = "memory"'));
    expect(config.routes.actors).toEqual(
      new Map([
        ['seat-map', 'memory'],
        ['my.type', 'memory'],
      ]),
    );
  });

  test('the general durability holds for the default provider and is left to others as they can', async () => {
    const text = '[storage]\ndurability = "process"\n[routes.models]\ngraph = "memory"';
    const { providers } = await loadConfig(main(text));
    expect(providers.byName.get('local')?.durability).toBe('process');
    expect(providers.byName.get('memory')?.durability).toBe('memory');
  });

  test('--durability disk on the Memory provider is refused', async () => {
    const problems = await problemsOf(inputs({ flags: { '--provider': 'memory', '--durability': 'disk' } }));
    expect(problems).toContain('flag --durability: provider memory of type "Memory" cannot keep durability "disk"');
  });

  test('are opened if something uses them', async () => {
    const used = await loadConfig(inputs({ env: { ORBIT_PERSISTENCE_BACKEND: 'tikv' } }));
    expect([...usedProviders(used)]).toEqual(['tikv']);
    const unused = await loadConfig(main('[providers.far]\ntype = "TiKV"'));
    expect([...usedProviders(unused)]).toEqual(['local']);
    const routed = await loadConfig(main('[providers.far]\ntype = "TiKV"\n[routes.actors]\nseat-map = "far"'));
    expect([...usedProviders(routed)]).toEqual(['local', 'far']);
  });
});

describe('listeners', () => {
  test('may share port 0, and a port with one that is off', async () => {
    const flags = { '--redis-port': '0', '--postgres-port': '0', '--http-port': '0', '--metrics-port': '0' };
    expect((await loadConfig(inputs({ flags }))).listeners.redis.port).toBe(0);
    const off = '[protocols.redis]\nport = 5432\n[protocols.postgresql]\nenabled = false';
    expect((await loadConfig(main(off))).listeners.postgres.enabled).toBe(false);
  });

  test('that this build does not have are off, with a warning where one was asked for', async () => {
    const config = await loadConfig(inputs({ flags: { '--grpc-port': '50052' } }));
    expect(config.listeners.grpc).toMatchObject({ enabled: false, port: 50_052 });
    expect(config.warnings.map(({ fix }) => fix)).toEqual(['this build has no gRPC listener']);
  });
});

describe('users', () => {
  test('have passwords from the file, a variable or another file', async () => {
    const text = `
      [[security.users]]
      name = "a"
      password = "in the file"
      [[security.users]]
      name = "b"
      password_env = "ORBIT_B_SECRET"
      [[security.users]]
      name = "c"
      password_file = "c.password"
    `;
    const files = { 'etc/orbit.toml': text, 'etc/c.password': 'in a file\n' };
    const config = await loadConfig(
      inputs({ files, env: { ORBIT_B_SECRET: 'in a variable' }, flags: { '--config': 'etc/orbit.toml' } }),
    );
    expect(config.users).toEqual([
      { name: 'a', password: 'in the file' },
      { name: 'b', password: 'in a variable' },
      { name: 'c', password: 'in a file' },
    ]);
    expect(config.security.authentication).toBe(true);
  });

  test('allow binding beyond loopback; ORBIT_PASSWORD is one of them', async () => {
    const config = await loadConfig(inputs({ env: { ORBIT_BIND: '0.0.0.0', ORBIT_PASSWORD: 'secret' } }));
    expect(config.users).toEqual([{ name: 'orbit', password: 'secret' }]);
    expect(config.server.bind).toBe('0.0.0.0');
  });

  test.each(['0.0.0.0', '::', '192.168.1.5', 'example.org', '128.0.0.1'])('are needed to bind %s', async (bind) => {
    expect(await problemsOf(inputs({ flags: { '--bind': bind } }))).toContain(`refusing to bind ${bind}`);
  });

  test.each(['127.0.0.1', '127.1.2.3', '::1', '[::1]', 'localhost'])('are not needed to bind %s', async (bind) => {
    expect((await loadConfig(inputs({ flags: { '--bind': bind } }))).server.bind).toBe(bind);
  });
});

describe('TLS', () => {
  const text =
    '[server.tls]\ncert_file = "s.crt"\nkey_file = "s.key"\nca_cert_file = "ca.crt"\nrequire_client_cert = true';

  test('files must exist', async () => {
    const files = { 'orbit.toml': text, 's.crt': '-', 's.key': '-' };
    expect(await problemsOf(inputs({ files }))).toContain('server.tls.ca_cert_file: there is no file ca.crt');
    const config = await loadConfig(inputs({ files: { ...files, 'ca.crt': '-' } }));
    const tls = { certFile: 's.crt', keyFile: 's.key', caFile: 'ca.crt', requireClientCert: true, required: true };
    expect(config.server.tls).toEqual(tls);
  });
});

test('dev mode logs for people, unless told otherwise', async () => {
  expect((await loadConfig(inputs({ flags: { '--dev-mode': true } }))).logging).toEqual({
    level: 'debug',
    format: 'plain',
  });
  const flags = { '--dev-mode': true, '--log-level': 'error' };
  expect((await loadConfig(inputs({ flags }))).logging.level).toBe('error');
});
