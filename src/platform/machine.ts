/** The machine that the process runs on, as servers tell of it. */

import { arch, release, totalmem, type } from 'node:os';

/** Name and release of the operating system, and the kind of processor: `Linux 6.1.0 x64`. */
export const SYSTEM: string = `${type()} ${release()} ${arch()}`;

/** Memory of all processes together. */
export const SYSTEM_MEMORY_BYTES: number = totalmem();
