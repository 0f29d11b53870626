/** What /metrics tells of the volumes. Names and meanings are listed in docs/operations/metrics.md. */

import type { Volume } from '../../blobs/volume/volume.ts';
import type { VolumeSet } from '../../blobs/volume-set.ts';
import type { MetricSource, Sample } from '../http/exposition.ts';

export function blobMetrics(set: VolumeSet): MetricSource {
  return (metrics) => {
    const volumes = set.volumes();
    const statuses = set.readers().map((volume) => volume.status());
    const each = (value: (index: number) => number): readonly Sample[] =>
      statuses.map(({ volumeId, collection }, index) => ({
        labels: { volume: String(volumeId), collection },
        value: value(index),
      }));
    metrics.gauge('orbit_blobs_volumes', 'Open volumes.', statuses.length);
    metrics.gauge('orbit_blobs_broken_volumes', 'Volumes that could not be opened.', set.broken.length);
    metrics.gauge(
      'orbit_blobs_volume_bytes',
      'Length of the data file.',
      each((i) => statuses[i]!.datBytes),
    );
    metrics.gauge(
      'orbit_blobs_needles',
      'Needles that are not deleted.',
      each((i) => statuses[i]!.live),
    );
    metrics.gauge(
      'orbit_blobs_deleted_bytes',
      'Garbage, in bytes of bodies.',
      each((i) => statuses[i]!.deletedBytes),
    );
    metrics.gauge(
      'orbit_blobs_index_bytes',
      'Memory of the needle index.',
      each((i) => statuses[i]!.indexMemoryBytes),
    );
    metrics.gauge(
      'orbit_blobs_damaged',
      'Damaged needles known.',
      each((i) => statuses[i]!.quarantined.length),
    );
    metrics.gauge(
      'orbit_blobs_read_only',
      '1 when the volume takes no writes.',
      each((i) => (statuses[i]!.readOnly === undefined ? 0 : 1)),
    );
    const written = (value: (volume: Volume) => number): readonly Sample[] =>
      volumes.map((volume) => ({
        labels: { volume: String(volume.volumeId), collection: volume.name.collection },
        value: value(volume),
      }));
    metrics.counter(
      'orbit_blobs_batches_total',
      'Groups of writes committed.',
      written(({ writer }) => writer.batches),
    );
    metrics.counter(
      'orbit_blobs_syncs_total',
      'Syncs of groups.',
      written(({ writer }) => writer.syncs),
    );
    metrics.gauge(
      'orbit_blobs_free_bytes',
      'Free bytes of the file system of a directory.',
      set.directories.map(({ path, freeBytes }) => ({ labels: { directory: path }, value: freeBytes })),
    );
  };
}
