/**
 * Compiles assembly/erasure.ts into src/blobs/erasure/simd-module.ts.
 *
 * The server starts from its sources without a build step, so the compiled module is kept beside them as text; a test
 * compiles it again and compares (src/blobs/erasure/simd-module.test.ts).
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * What is asked of the compiler. Its own types put names of AssemblyScript among the globals of every file, so that an import
 * that is missing for one of them went unnoticed.
 */
interface Compiler {
  main(
    argv: readonly string[],
    files: {
      readFile(name: string, base: string): string | null;
      writeFile(name: string, contents: string | Uint8Array): void;
      listFiles(): readonly string[];
    },
  ): Promise<{ readonly error: Error | null; readonly stderr: { toString(): string } }>;
}

const COMPILER: string = 'assemblyscript/asc';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCE = 'assembly/erasure.ts';
const TARGET = join(ROOT, 'src/blobs/erasure/simd-module.ts');
const LINE_CHARS = 108;

/** @returns the text of simd-module.ts. */
export async function compileSimdModule(): Promise<string> {
  let binary: Uint8Array | undefined;
  const asc = ((await import(COMPILER)) as { readonly default: Compiler }).default;
  const { error, stderr } = await asc.main(
    [SOURCE, '-o', 'erasure.wasm', '--runtime', 'stub', '-O3', '--importMemory', '--initialMemory', '1']
      .concat(['--maximumMemory', '65536'])
      .concat(['--enable', 'simd', '--enable', 'relaxed-simd', '--use', 'abort=']),
    {
      readFile: (name, base) => {
        try {
          return readFileSync(join(base === '.' ? ROOT : base, name), 'utf8');
        } catch {
          return null;
        }
      },
      writeFile: (name, contents) => {
        if (name.endsWith('.wasm')) binary = contents as Uint8Array;
      },
      listFiles: () => [],
    },
  );
  if (error !== null) throw new Error(`${SOURCE} does not compile: ${error.message}\n${stderr.toString()}`);
  if (binary === undefined) throw new Error(`compiling ${SOURCE} gave nothing`);
  const text = Buffer.from(binary).toString('base64');
  const lines = text.match(new RegExp(`.{1,${LINE_CHARS}}`, 'g'))!.map((line) => `  '${line}'`);
  return [
    '/**',
    ' * The inner loops of erasure coding as a WebAssembly module, in base64: what scripts/build-simd.ts made of',
    ' * assembly/erasure.ts. Not to be edited; a test compares it with a fresh build.',
    ' */',
    '',
    'export const SIMD_MODULE_BASE64 =',
    `${lines.join(' +\n')};`,
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(TARGET, await compileSimdModule());
}
