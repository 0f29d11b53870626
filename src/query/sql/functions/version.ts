/** What clients are told about the server's version: they switch features on and off by it. */

/** Behaviour follows PostgreSQL of this version. */
export const SERVER_VERSION = '15.8 (Orbit)';
export const SERVER_VERSION_NUM = '150008';
export const VERSION_TEXT = 'PostgreSQL 15.8 (Orbit) on Node.js, a TypeScript server';
