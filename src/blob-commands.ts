/**
 * `orbit blobs …`: needle volumes from the command line, while no server has their directory open.
 *
 * Each command takes the directory's lock, so a running server is never disturbed: it answers `store_locked`.
 */

import { OperationError } from './base/errors.ts';
import { silentLog } from './base/log.ts';
import { parseReplication } from './blobs/formats/super-block.ts';
import { parseTtl } from './blobs/formats/ttl.ts';
import { parseVolumeFileName, type VolumeName, volumeBaseName } from './blobs/formats/volume-files.ts';
import { checkVolume } from './blobs/tools/check.ts';
import { exportVolume } from './blobs/tools/export.ts';
import { garbageRatio, vacuum } from './blobs/vacuum/vacuum.ts';
import { Volume } from './blobs/volume/volume.ts';
import { LOCK_NAME } from './blobs/volume-set.ts';
import { newNodePlatform } from './platform/node-platform.ts';

type Out = (line: string) => void;

const PROGRESS_BYTES = 1024 ** 3;

/** Runs `work` with the directory locked. */
export async function locked<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const { files } = newNodePlatform();
  if (!(await files.exists(directory))) throw new OperationError('not_found', `there is no directory ${directory}`);
  const lock = await files.lock(`${directory}/${LOCK_NAME}`);
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

/** The volumes of a directory, or the one of that id. @throws OperationError `not_found`. */
async function volumesOf(directory: string, volumeId?: number): Promise<VolumeName[]> {
  const names: VolumeName[] = [];
  for (const name of await newNodePlatform().files.list(directory)) {
    const parsed = parseVolumeFileName(name);
    if (parsed?.extension === '.dat' && (volumeId === undefined || parsed.volumeId === volumeId)) names.push(parsed);
  }
  if (volumeId !== undefined && names.length === 0) {
    throw new OperationError('not_found', `there is no volume ${volumeId} in ${directory}`);
  }
  return names.sort((a, b) => a.volumeId - b.volumeId);
}

async function withVolume<T>(directory: string, volumeId: number, work: (volume: Volume) => Promise<T>): Promise<T> {
  return locked(directory, async () => {
    const [name] = await volumesOf(directory, volumeId);
    const volume = await Volume.open({ platform: newNodePlatform(), directory, name: name!, log: silentLog });
    try {
      return await work(volume);
    } finally {
      await volume.close();
    }
  });
}

function progress(out: Out, what: string): (doneBytes: number, totalBytes: number) => void {
  let told = 0;
  return (done, total) => {
    if (done - told < PROGRESS_BYTES) return;
    told = done;
    out(`${what}: ${Math.floor((done / total) * 100)} %`);
  };
}

/** Verifies volumes without changing them. @returns whether all is well. */
export async function checkCommand(directory: string, volumeId: number | undefined, out: Out): Promise<boolean> {
  return locked(directory, async () => {
    let isWell = true;
    for (const name of await volumesOf(directory, volumeId)) {
      const label = `volume ${volumeBaseName(name)}`;
      const { files } = newNodePlatform();
      const result = await checkVolume(files, directory, name, progress(out, label));
      for (const problem of result.problems) out(`${label}: ${problem}`);
      if (result.problemsTotal > result.problems.length) {
        out(`${label}: and ${result.problemsTotal - result.problems.length} more`);
      }
      const verdict = result.problemsTotal === 0 ? 'ok' : `${result.problemsTotal} problems`;
      out(`${label}: ${result.records} records, ${result.live} live, ${result.deleted} deleted: ${verdict}`);
      isWell &&= result.problemsTotal === 0;
    }
    return isWell;
  });
}

/** Writes the index of a volume anew from its data, and repairs a torn end. */
export async function fixCommand(directory: string, volumeId: number, out: Out): Promise<void> {
  await locked(directory, async () => {
    const [name] = await volumesOf(directory, volumeId);
    const platform = newNodePlatform();
    const base = `${directory}/${volumeBaseName(name!)}`;
    for (const extension of ['.clean', '.sdx', '.idx']) await platform.files.remove(base + extension);
    const volume = await Volume.open({ platform, directory, name: name!, log: silentLog });
    const { cutBytes, filledBytes, quarantined } = volume.recovery;
    const { live } = volume.status();
    await volume.close();
    out(`volume ${volumeId}: ${live} needles indexed`);
    if (cutBytes > 0) out(`cut off ${cutBytes} torn bytes, kept in ${base}.torn`);
    if (filledBytes > 0) out(`filled ${filledBytes} torn bytes`);
    for (const { fileId, offset, reason } of quarantined) out(`damaged: ${fileId ?? `at ${offset}`}: ${reason}`);
  });
}

/** Lists the needles of a volume, or writes them to a tar file. */
export async function exportCommand(
  directory: string,
  volumeId: number,
  options: {
    readonly output?: string;
    readonly format?: string;
    readonly newer?: string;
    readonly limit?: number;
  },
  out: Out,
): Promise<void> {
  const newerThanS = options.newer === undefined ? undefined : Date.parse(options.newer) / 1000;
  if (newerThanS !== undefined && Number.isNaN(newerThanS)) {
    throw new OperationError('invalid_argument', `--newer is a date like 2026-01-02T15:04:05; found ${options.newer}`);
  }
  const { output } = options;
  if (output === undefined) {
    throw new OperationError('invalid_argument', 'export needs a file to write', { hint: 'Add --output FILE.tar.' });
  }
  await withVolume(directory, volumeId, async (volume) => {
    const result = await exportVolume(newNodePlatform().files, volume, output, {
      ...(options.format !== undefined && { format: options.format }),
      ...(newerThanS !== undefined && { newerThanS }),
      ...(options.limit !== undefined && { limit: options.limit }),
    });
    for (const reason of result.damaged) out(`left out: ${reason}`);
    out(`${output}: ${result.members} needles, ${result.bytes} bytes`);
  });
}

/** Vacuums a volume, however little garbage it has. */
export async function compactCommand(directory: string, volumeId: number, out: Out): Promise<void> {
  await withVolume(directory, volumeId, async (volume) => {
    const garbage = Math.round(garbageRatio(volume.status()) * 100);
    const onProgress = progress(out, `volume ${volumeId}`);
    const { beforeBytes, afterBytes } = await vacuum(volume, { threshold: 0, onProgress });
    out(`volume ${volumeId}: ${garbage} % garbage, ${beforeBytes} bytes before, ${afterBytes} after`);
  });
}

export async function createCommand(
  directory: string,
  volumeId: number,
  options: {
    readonly collection?: string;
    readonly replication?: string;
    readonly ttl?: string;
    readonly large?: boolean;
  },
  out: Out,
): Promise<void> {
  const { files } = newNodePlatform();
  await files.makeDirectory(directory);
  await locked(directory, async () => {
    const name = { collection: options.collection ?? '', volumeId };
    const volume = await Volume.create(
      { platform: newNodePlatform(), directory, name, log: silentLog },
      {
        replication: parseReplication(options.replication ?? ''),
        ttl: parseTtl(options.ttl ?? ''),
        offsetBytes: options.large === true ? 5 : 4,
      },
    );
    await volume.close();
    out(`${directory}/${volumeBaseName(name)}.dat`);
  });
}

/** Marks a volume read-only or writable. */
export async function markCommand(directory: string, volumeId: number, readOnly: boolean, out: Out): Promise<void> {
  await withVolume(directory, volumeId, (volume) => volume.mark({ readOnly }));
  out(`volume ${volumeId} is marked ${readOnly ? 'read-only' : 'writable'}`);
}
