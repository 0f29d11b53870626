/** A real Redis 7 beside the tests: started in one call, stopped in another. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as net from 'node:net';
import { tmpdir } from 'node:os';

export const isRedisInstalled = spawnSync('redis-server', ['--version']).status === 0;

export interface RedisReference {
  readonly port: number;
  close(): Promise<void>;
}

/** Values are dumped without compression, as this server does. */
export async function startRedis(): Promise<RedisReference> {
  const port = await freePort();
  const options = { save: '', appendonly: 'no', bind: '127.0.0.1', rdbcompression: 'no', port: String(port) };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const redis = spawn('redis-server', args, { cwd: tmpdir(), stdio: ['ignore', 'pipe', 'ignore'] });
  for await (const chunk of redis.stdout) if (String(chunk).includes('Ready to accept')) break;
  redis.stdout.resume();
  return {
    port,
    close: async () => {
      if (redis.exitCode !== null) return;
      redis.kill();
      await once(redis, 'exit');
    },
  };
}

async function freePort(): Promise<number> {
  const probe = net.createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as net.AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
