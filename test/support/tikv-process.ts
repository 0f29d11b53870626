/** A TiKV test cluster in a process of its own, for servers that run beside it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './server.ts';

const MAIN = join(ROOT, 'packages', 'tikv-client-node', 'test-cluster', 'node', 'main.ts');

export class TikvProcess {
  readonly pdEndpoints: readonly string[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, pdEndpoints: readonly string[]) {
    this.#child = child;
    this.pdEndpoints = pdEndpoints;
    process.on('exit', () => child.kill('SIGKILL'));
  }

  /** Three stores and one PD. */
  static async start(): Promise<TikvProcess> {
    const child = spawn(process.execPath, [MAIN, '--stores=3', '--pds=1'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
      child.once('exit', (code) => reject(new Error(`the cluster ended with ${code}`)));
    });
    return new TikvProcess(child, line.trim().replace('TIKV_PD_ENDPOINTS=', '').split(','));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** What a server needs to keep everything there. */
  get environment(): Readonly<Record<string, string>> {
    return { ORBIT_PERSISTENCE_BACKEND: 'tikv', ORBIT_TIKV_PD_ENDPOINTS: this.pdEndpoints.join(',') };
  }

  stop(): void {
    this.#child.kill('SIGTERM');
  }
}
