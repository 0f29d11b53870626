/** Wires the volumes: opens the directories, makes the first volumes, puts actors over them and a listener before these. */

import type { ActorRuntime } from './actors/actor.ts';
import { VolumeActor, VolumeActors } from './actors/families/volume.ts';
import { messageOf } from './base/errors.ts';
import type { Log } from './base/log.ts';
import { VolumeSet } from './blobs/volume-set.ts';
import type { Config } from './config/config.ts';
import { type HttpListener, listenHttp } from './platform/http.ts';
import type { Platform } from './platform/platform.ts';
import type { TlsIdentity } from './platform/tls.ts';
import { volumeServerHandler } from './protocols/blobs/volume-server.ts';

/** Uploads being read may take so much of the memory limit. */
const UPLOAD_MEMORY_PART = 8;
const UPLOAD_BYTES_MIN = 64 * 1024 * 1024;
/** An upload may take long; one that stands still is cut by the keep-alive of its connection. */
const REQUEST_TIMEOUT_MS = 24 * 3_600_000;

export interface BlobServer {
  readonly set: VolumeSet;
  readonly volumes: VolumeActors;
  listen(options: {
    readonly host: string;
    readonly version: string;
    readonly tls?: TlsIdentity;
  }): Promise<HttpListener>;
  close(): Promise<void>;
}

/** @throws OperationError `store_locked` when another process has one of the directories open. */
export async function openBlobs(
  config: Pick<Config, 'blobs' | 'listeners' | 'memory'>,
  platform: Platform,
  actors: ActorRuntime,
  log: Log,
): Promise<BlobServer> {
  const { blobs, listeners, memory } = config;
  const set = await VolumeSet.open({
    platform,
    log,
    directories: blobs.directories,
    durability: blobs.durability,
    volumeBytesMax: blobs.volumeBytesMax,
    freeBytesMin: blobs.freeBytesMin,
    garbageThreshold: blobs.garbageThreshold,
    volumesMax: blobs.volumesMax,
    preallocate: blobs.preallocate,
    ...(blobs.vacuumBytesPerSecond > 0 && { vacuumBytesPerSecond: blobs.vacuumBytesPerSecond }),
  });
  try {
    if (set.readers().length === 0 && set.broken.length === 0) {
      for (let volumeId = 1; volumeId <= blobs.initialVolumes; volumeId++) await set.create(volumeId);
    }
  } catch (error) {
    await set.close();
    throw error;
  }
  actors.register(VolumeActor);
  const volumes = new VolumeActors(set, actors);
  return {
    set,
    volumes,
    listen: ({ host, version, tls }) =>
      listenHttp(
        {
          host,
          port: listeners.blobs.port,
          connectionsMax: listeners.blobs.connectionsMax,
          requestTimeoutMs: REQUEST_TIMEOUT_MS,
          ...(tls !== undefined && { tls }),
          onHandlerError: (error) => log.error({ error: messageOf(error) }, 'a blob request failed'),
        },
        volumeServerHandler({
          volumes,
          platform,
          log,
          version,
          writeKey: blobs.writeKey,
          readKey: blobs.readKey,
          fileBytesMax: blobs.fileBytesMax,
          uploadBytesMax: Math.max(UPLOAD_BYTES_MIN, Math.floor(memory.limitBytes / UPLOAD_MEMORY_PART)),
        }),
      ),
    close: () => set.close(),
  };
}
