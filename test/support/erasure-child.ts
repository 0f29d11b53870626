/**
 * A process to be killed: encodes a volume, removes up to four shards, rebuilds, decodes, over and over. Prints each step.
 * Arguments: the base of the volume, a seed.
 */

import { recoverConversion } from '../../src/blobs/erasure/conversion.ts';
import { decodeVolume } from '../../src/blobs/erasure/decode.ts';
import { encodeVolume } from '../../src/blobs/erasure/encode.ts';
import { scrubVolume } from '../../src/blobs/erasure/rebuild.ts';
import { shardPath } from '../../src/blobs/erasure/shard-files.ts';
import { newNodePlatform } from '../../src/platform/node-platform.ts';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';

const [base, seed] = [process.argv[2]!, process.argv[3]!];
const platform = newNodePlatform({ files: { blocking: true } });
const context = { platform, blocking: true };
const random = new SeededRandom(seed);
const say = (line: string) => void process.stdout.write(`${line}\n`);

setInterval(() => {}, 1_000);
say('start');
for (;;) {
  const kind = await recoverConversion(platform.files, base);
  say(kind);
  if (kind === 'needles') {
    const { resumedAt } = await encodeVolume(context, base, { checkpointBytes: 8_000_000, listenMs: 20 });
    say(`encoded from ${resumedAt}`);
  }
  // Parts of an interrupted rebuild belong to shards that are lost already.
  const lost = Array.from({ length: 14 }, (_, shard) => shard);
  let missing = 0;
  for (const shard of lost) if (!(await platform.files.exists(shardPath(base, shard)))) missing++;
  for (; missing < 4 && random.chance(0.7); missing++) await platform.files.remove(shardPath(base, random.int(14)));
  await scrubVolume(context, base, { repair: true, rebuild: true, listenMs: 20 });
  say('rebuilt');
  if (random.chance(0.6)) {
    await decodeVolume(context, base, { listenMs: 20 });
    say('decoded');
  }
}
