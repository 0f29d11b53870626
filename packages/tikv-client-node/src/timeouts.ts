/** How long an RPC may take, in milliseconds, by what it does. */
export const TIMEOUT_MS = { short: 30_000, medium: 60_000, long: 300_000 } as const;
