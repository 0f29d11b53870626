/**
 * A process that is attacked in a server's place (`abuse.ts`): it accepts, reads, drops what it has read, and closes when the client
 * does. What others wait for while it is attacked is what the attackers cost the machine, whoever it is that they attack.
 *
 * Who asks and does not read is answered as much as the kernel takes: those attacks are about what a server is made to send.
 */

import * as net from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Ports } from './attacks.ts';

export interface SinkOrder {
  /** Sent to each client that has said something. */
  readonly answerBytes: number;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let answer = Buffer.alloc(0);
  process.on('message', (order) => {
    const { answerBytes } = order as SinkOrder;
    if (answer.length !== answerBytes) answer = Buffer.alloc(answerBytes);
    process.send!('ready');
  });
  process.once('disconnect', () => process.exit());
  const listen = async (): Promise<number> => {
    const server = net.createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => {});
      if (answer.length > 0) socket.once('data', () => socket.write(answer));
      socket.resume();
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    return (server.address() as net.AddressInfo).port;
  };
  const [redis, postgres, http, metrics] = [await listen(), await listen(), await listen(), await listen()];
  process.send!({ redis, postgres, http, metrics } satisfies Ports);
}
