/** Whether a server serves, by the health protocol of gRPC. */

import { type Connection, GrpcStatus, RpcError } from './transport.ts';

const HEALTH_CHECK = '/grpc.health.v1.Health/Check';
const TIMEOUT_MS = 1_000;
/** `HealthCheckResponse { status: NOT_SERVING }`. */
const NOT_SERVING = Buffer.from([0x08, 0x02]);

/** A server that does not know the protocol, or not how it is, serves as far as anybody knows. Never rejects. */
export async function isServing(connection: Connection): Promise<boolean> {
  try {
    const answer = await connection.call(HEALTH_CHECK, Buffer.alloc(0), { timeoutMs: TIMEOUT_MS });
    return !answer.equals(NOT_SERVING);
  } catch (error) {
    return error instanceof RpcError && error.status === GrpcStatus.UNIMPLEMENTED;
  }
}
