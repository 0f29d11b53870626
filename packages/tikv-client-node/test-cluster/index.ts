/** The test cluster, for tests of what is built on the client. */

export { TestCluster, type TestClusterOptions } from './cluster.ts';
export type { ClusterMode } from './cluster-state.ts';
export type { ArrivedCall, FaultAction, FaultRule, Faults } from './faults.ts';
export { InProcessTransport } from './in-process-transport.ts';
export { type ListeningCluster, type ListenOptions, listen } from './node/listen.ts';
export { SeededRandom, VirtualTime } from './virtual-time.ts';
