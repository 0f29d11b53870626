/**
 * Names of the files of a volume: `<volume>.dat`, or `<collection>_<volume>.dat` in a collection. The collection is what
 * stands before the last underscore, so it may hold underscores itself.
 *
 * | extension          | contents                                                              |
 * |--------------------|-----------------------------------------------------------------------|
 * | `.dat`             | super block (super-block.ts) and needle records (needle.ts)           |
 * | `.idx`             | journal of sets and deletes (index-row.ts)                            |
 * | `.vif`             | volume info (volume-info.ts)                                          |
 * | `.sdx`             | live rows in ascending order of ids                                   |
 * | `.cpd .cpx .cpc`   | vacuum: the new `.dat`, the new `.idx`, the mark that they are whole  |
 * | `.note`            | a copy that was never finished                                        |
 * | `.ec00` … `.ecj`   | erasure coding                                                        |
 *
 * Ours alone, ignored by SeaweedFS: `.torn`, what recovery cut off, and `.clean`, the lengths at the last orderly close.
 */

import { OperationError } from '../../base/errors.ts';

export interface VolumeName {
  /** Empty for none. */
  readonly collection: string;
  readonly volumeId: number;
}

/** The common part of the names of its files. */
export function volumeBaseName(volume: VolumeName): string {
  return volume.collection === '' ? String(volume.volumeId) : `${volume.collection}_${volume.volumeId}`;
}

/** The volume and the extension, with its dot, that a file name tells; undefined for names of other things. */
export function parseVolumeFileName(name: string): (VolumeName & { readonly extension: string }) | undefined {
  const match = /^(?:(.+)_)?(\d{1,10})(\.[a-z0-9]+)$/.exec(name);
  if (match === null) return undefined;
  const [, collection = '', digits, extension] = match;
  const volumeId = Number(digits);
  if (volumeId > 0xffff_ffff || String(volumeId) !== digits) return undefined;
  return { collection, volumeId, extension: extension! };
}

/** @throws OperationError `invalid_argument` for a collection that cannot be part of a file name. */
export function checkCollection(collection: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$|^$/.test(collection) && !collection.includes('..')) return;
  throw new OperationError(
    'invalid_argument',
    `the collection ${JSON.stringify(collection.slice(0, 60))} is malformed`,
    {
      hint: 'Letters, digits, dots, underscores and hyphens, at most 128 of them.',
    },
  );
}
