import { setVerifying } from './src/base/assert.ts';

setVerifying(true);
