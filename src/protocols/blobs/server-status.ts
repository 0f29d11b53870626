/** The body of `/status`: disks and volumes in the words of SeaweedFS, and beside them what it does not tell. */

import type { VolumeStatus } from '../../blobs/volume/volume.ts';
import type { VolumeSet } from '../../blobs/volume-set.ts';

export function serverStatus(set: VolumeSet, version: string): unknown {
  const volumes = set.readers().map((volume) => ({ directory: volume.options.directory, status: volume.status() }));
  return {
    Version: version,
    DiskStatuses: set.directories.map(({ path, freeBytes, spaceLow }) => {
      const used = volumes.reduce(
        (sum, { directory, status }) => (directory === path ? sum + bytesOf(status) : sum),
        0,
      );
      const all = used + freeBytes;
      return {
        dir: path,
        all,
        used,
        free: freeBytes,
        percent_free: percent(freeBytes, all),
        percent_used: percent(used, all),
        disk_type: '',
        space_low: spaceLow,
      };
    }),
    Volumes: volumes.map(({ status }) => volumeInfo(status)),
    BrokenVolumes: set.broken.map(({ volumeId, collection, reason }) => ({
      Id: volumeId,
      Collection: collection,
      Reason: reason,
    })),
  };
}

function volumeInfo(status: VolumeStatus): unknown {
  const { replication } = status;
  const placement: Record<string, number> = {};
  if (replication % 10 > 0) placement.node = replication % 10;
  if (Math.floor(replication / 10) % 10 > 0) placement.rack = Math.floor(replication / 10) % 10;
  if (replication >= 100) placement.dc = Math.floor(replication / 100);
  return {
    Id: status.volumeId,
    Size: status.datBytes,
    ReplicaPlacement: placement,
    Ttl: { Count: status.ttl?.count ?? 0, Unit: status.ttl?.unit ?? 0 },
    DiskType: '',
    DiskId: 0,
    Collection: status.collection,
    Version: status.version,
    FileCount: status.files,
    DeleteCount: status.deleted,
    DeletedByteCount: status.deletedBytes,
    ReadOnly: status.readOnly !== undefined,
    CompactRevision: status.compactionRevision,
    ModifiedAtSecond: Math.floor(status.lastAppendMs / 1000),
    RemoteStorageName: '',
    RemoteStorageKey: '',
    ReadOnlyReason: status.readOnly?.text ?? '',
    LiveCount: status.live,
    IndexMemoryBytes: status.indexMemoryBytes,
    Damaged: status.quarantined.map(({ fileId, offset, reason }) => ({ fid: fileId ?? '', offset, reason })),
  };
}

function bytesOf(status: VolumeStatus): number {
  return status.datBytes + status.idxBytes;
}

function percent(part: number, all: number): number {
  return all === 0 ? 0 : (part / all) * 100;
}
