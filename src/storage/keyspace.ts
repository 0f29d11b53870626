/**
 * The register of key spaces: where in the store each layer keeps its data.
 *
 * A stored key is `{prefix}/{space}/` as literal ASCII text, so that operators can see, split and place ranges by it,
 * then one tuple (`tuple.ts`) whose first elements are stable ids: names live in the catalog, so a rename touches no row.
 * Spaces never overlap. What each tuple holds is listed below for the reader, printed by `key-path.ts`, and documented
 * with literal bytes in docs/formats/keyspace.md; building these tuples is the business of the layer that owns the space.
 *
 * | Space           | Tuple                                                                     | Owner               |
 * |-----------------|---------------------------------------------------------------------------|---------------------|
 * | `relational`    | (table id, …row id)                                                       | models/relational   |
 * | `index`         | (table id, index id, …values, …row id)                                    | models/relational   |
 * | `graph/nodes`   | (graph id, node id)                                                       | models/graph        |
 * | `graph/edges`   | (graph id, from, to, type, edge id)                                       | models/graph        |
 * | `graph/reverse` | (graph id, to, from, type, edge id)                                       | models/graph        |
 * | `vector`        | (collection id, vector id), (collection id, vector id, 'metadata')        | models/vector       |
 * | `timeseries`    | (series id, start of the chunk)                                           | models/timeseries   |
 * | `kv`            | (database number, key bytes, …sub-key of a collection)                    | models/keyvalue     |
 * | `actors`        | (actor type, actor id, …part)                                             | actors              |
 * | `catalog`       | (kind of object, …)                                                       | models/relational, query |
 * | `filer`         | (bucket or mount, path, …)                                                | blobs/filer         |
 * | `cluster`       | (kind of record, …)                                                       | cluster, blobs      |
 * | `meta`          | (what, …): format version, principals, counters, positions                | server              |
 *
 * On disk since format 1: never rename a space.
 */

import { assert } from '../base/assert.ts';
import { type Bytes, concatBytes, startsWith, utf8 } from '../base/bytes.ts';
import { OperationError } from '../base/errors.ts';
import { type Key, type KeyRange, prefixRange } from './key-range.ts';
import { decodeTuple, encodeTuple, KeyReader, KeyWriter, type TupleOrder, type TupleValue } from './tuple.ts';

export const SPACES = [
  'relational',
  'index',
  'graph/nodes',
  'graph/edges',
  'graph/reverse',
  'vector',
  'timeseries',
  'kv',
  'actors',
  'catalog',
  'filer',
  'cluster',
  'meta',
] as const;
export type SpaceName = (typeof SPACES)[number];

const DEFAULT_PREFIX = 'orbit';
const PREFIX_BYTES_MAX = 256;

/** The keys that begin with one literal prefix; behind it they are tuples. */
export class Subspace {
  /** Its name in the register. */
  readonly name: SpaceName;
  /** `{prefix}/{space}/`. Do not modify. */
  readonly prefix: Bytes;
  readonly #all: KeyRange;

  constructor(name: SpaceName, prefix: Bytes) {
    this.name = name;
    this.prefix = prefix;
    this.#all = prefixRange(prefix);
  }

  key(values: readonly TupleValue[], order?: TupleOrder): Key {
    return this.writer().tuple(values, order).finish();
  }

  /** Every key whose tuple begins with `values`: all of the space without them. The key of `values` itself included. */
  range(values: readonly TupleValue[] = [], order?: TupleOrder): KeyRange {
    return values.length === 0 ? this.#all : prefixRange(concatBytes(this.prefix, encodeTuple(values, order)));
  }

  contains(key: Key): boolean {
    return startsWith(key, this.prefix);
  }

  /** The tuple of a key of this space. @throws OperationError `corruption`. */
  decode(key: Key): TupleValue[] {
    assert(this.contains(key), () => `a key outside the space ${this.name}`);
    return decodeTuple(key, this.prefix.length);
  }

  /** Reads a key of this space element by element. */
  reader(key: Key): KeyReader {
    assert(this.contains(key), () => `a key outside the space ${this.name}`);
    return new KeyReader(key, this.prefix.length);
  }

  /** A writer whose keys begin with the prefix, for whoever builds many keys: keep it and `reset()` it. */
  writer(): KeyWriter {
    return new KeyWriter(this.prefix);
  }
}

export class Keyspace {
  /** Without a slash at its end. */
  readonly prefix: string;
  readonly relational: Subspace;
  readonly index: Subspace;
  readonly graphNodes: Subspace;
  readonly graphEdges: Subspace;
  readonly graphReverse: Subspace;
  readonly vector: Subspace;
  readonly timeseries: Subspace;
  readonly kv: Subspace;
  readonly actors: Subspace;
  readonly catalog: Subspace;
  readonly filer: Subspace;
  readonly cluster: Subspace;
  readonly meta: Subspace;
  /** In the order of the register. */
  readonly spaces: readonly Subspace[];

  /**
   * @param prefix Segments of letters, digits, `_`, `-` and `.`, joined by slashes.
   * @throws OperationError `invalid_config` for any other prefix.
   */
  constructor(prefix: string = DEFAULT_PREFIX) {
    if (!/^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*$/.test(prefix) || prefix.length > PREFIX_BYTES_MAX) {
      throw new OperationError('invalid_config', `"${prefix}" cannot be a key prefix`, {
        hint: 'use letters, digits, "_", "-" and ".", in segments joined by "/"',
      });
    }
    this.prefix = prefix;
    const space = (name: SpaceName): Subspace => new Subspace(name, utf8(`${prefix}/${name}/`));
    this.relational = space('relational');
    this.index = space('index');
    this.graphNodes = space('graph/nodes');
    this.graphEdges = space('graph/edges');
    this.graphReverse = space('graph/reverse');
    this.vector = space('vector');
    this.timeseries = space('timeseries');
    this.kv = space('kv');
    this.actors = space('actors');
    this.catalog = space('catalog');
    this.filer = space('filer');
    this.cluster = space('cluster');
    this.meta = space('meta');
    this.spaces = [
      this.relational,
      this.index,
      this.graphNodes,
      this.graphEdges,
      this.graphReverse,
      this.vector,
      this.timeseries,
      this.kv,
      this.actors,
      this.catalog,
      this.filer,
      this.cluster,
      this.meta,
    ];
  }

  /** The key space of one tenant: `{prefix}/tenant/{id}/…`. @throws OperationError `invalid_config` as the constructor. */
  tenant(id: string): Keyspace {
    if (id.includes('/')) throw new OperationError('invalid_config', `"${id}" cannot be a tenant id`);
    return new Keyspace(`${this.prefix}/tenant/${id}`);
  }

  /** Everything under the prefix, tenants included. */
  range(): KeyRange {
    return prefixRange(utf8(`${this.prefix}/`));
  }

  /** The space that `key` lies in; undefined for keys of tenants and foreign keys. */
  spaceOf(key: Key): Subspace | undefined {
    return this.spaces.find((space) => space.contains(key));
  }
}
