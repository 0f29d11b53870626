#!/usr/bin/env node
/**
 * `npm run tikv-test-cluster -- [--mode=txn|raw|rawTtl|v2] [--stores=3] [--pds=1] [--pd-port=2379] [--store-port=20160]`:
 * a test cluster over TCP, until a signal ends it. Prints one line with the PD endpoints once it listens.
 */

import { parseArgs } from 'node:util';
import { nodeEnvironment } from '../../src/node/node-environment.ts';
import { TestCluster } from '../cluster.ts';
import type { ClusterMode } from '../cluster-state.ts';
import { listen } from './listen.ts';

const { values } = parseArgs({
  options: {
    mode: { type: 'string', default: 'txn' },
    stores: { type: 'string', default: '3' },
    pds: { type: 'string', default: '1' },
    'pd-port': { type: 'string', default: '0' },
    'store-port': { type: 'string', default: '0' },
  },
});
const MODES: readonly string[] = ['txn', 'raw', 'rawTtl', 'v2'] satisfies ClusterMode[];
if (!MODES.includes(values.mode)) throw new Error(`--mode is one of ${MODES.join(', ')}`);

const cluster = new TestCluster({
  environment: nodeEnvironment,
  mode: values.mode as ClusterMode,
  stores: Number(values.stores),
  pdMembers: Number(values.pds),
});
cluster.faults.recording = false;
const listening = await listen(cluster, { pdPort: Number(values['pd-port']), storePort: Number(values['store-port']) });
process.stdout.write(`TIKV_PD_ENDPOINTS=${listening.pdEndpoints.join(',')}\n`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void listening.close().then(() => process.exit(0)));
}
