/**
 * Node's HTTP modules as they are. Imported as ES modules they would have every property of theirs read, and one of these loads
 * a client for WebSockets that nothing here uses: 60 ms of processor time in each start, and some MB of memory.
 */

export const nodeHttp: typeof import('node:http') = process.getBuiltinModule('node:http');
export const nodeHttps: typeof import('node:https') = process.getBuiltinModule('node:https');
