/** The rows of pg_extension, and of the views that tell which extensions there could be. */

import { EXTENSIONS } from '../functions/extensions.ts';
import { OWNER, schemaOid } from './oids.ts';
import type { SystemRows } from './system-row.ts';

export const EXTENSION_ROWS: Readonly<Record<string, SystemRows>> = {
  pg_extension: ({ extensions }) =>
    extensions.map(({ id, name, schema, version }) => ({
      oid: id,
      extname: name,
      extowner: OWNER,
      extnamespace: schemaOid(schema),
      extrelocatable: true,
      extversion: version,
    })),
  pg_available_extensions: ({ extensions }) =>
    EXTENSIONS.map(({ name, version, comment }) => ({
      name,
      default_version: version,
      installed_version: extensions.find((each) => each.name === name)?.version ?? null,
      comment,
    })),
  pg_available_extension_versions: ({ extensions }) =>
    EXTENSIONS.map(({ name, version, comment }) => ({
      name,
      version,
      installed: extensions.some((each) => each.name === name),
      superuser: true,
      trusted: true,
      relocatable: true,
      comment,
    })),
};
