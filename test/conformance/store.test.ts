/**
 * The storage contract, held against every provider. What a provider does not support is gated by its `supports`. What it says
 * of locks is in `store-locks.test.ts`.
 */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { text, utf8 } from '../../src/base/bytes.ts';
import { ALL_KEYS, prefixRange } from '../../src/storage/key-range.ts';
import { runTransaction } from '../../src/storage/run-transaction.ts';
import type { CommitRecord, Store, Transaction } from '../../src/storage/store.ts';
import { all, asText, type Entries, settleStore, value, writeEntries } from '../support/entries.ts';
import { CONTRACT_PROVIDERS, type ContractStore, openContractStore, platform } from '../support/stores.ts';

for (const provider of CONTRACT_PROVIDERS) {
  describe(`the ${provider} provider`, () => {
    let test: ContractStore;
    let store: Store;

    beforeEach(async () => {
      test = await openContractStore(provider);
      store = test.store;
    });
    afterEach(() => test.dispose());

    const write = (entries: Entries) => writeEntries(store, entries);
    const settle = () => settleStore(store);

    describe('reads and writes', () => {
      it('returns what was put, and undefined for what was not', async () => {
        await write({ a: '1' });
        const transaction = store.begin();
        expect(await value(transaction, 'a')).toBe('1');
        expect(await value(transaction, 'b')).toBeUndefined();
        transaction.rollback();
        expect(asText(await store.get(utf8('a')))).toBe('1');
        expect(await store.get(utf8('b'))).toBeUndefined();
      });

      it('answers from the engine what the overlay no longer holds', async () => {
        await write({ a: '1', b: '2' });
        await write({ b: undefined });
        await settle();
        expect(asText(await store.get(utf8('a')))).toBe('1');
        expect(await store.get(utf8('b'))).toBeUndefined();
        const transaction = store.begin();
        expect((await transaction.batchGet([utf8('b'), utf8('a')])).map(asText)).toEqual([undefined, '1']);
        transaction.rollback();
        await write({ c: '3' });
        const newest = await store.batchGet?.([utf8('c'), utf8('b'), utf8('a')], 100);
        expect(newest?.map(asText) ?? ['3', undefined, '1']).toEqual(['3', undefined, '1']);
      });

      it('reads its own writes, also in scans, and forgets them on rollback', async () => {
        await write({ k1: 'a', k2: 'b', k3: 'c' });
        const transaction = store.begin();
        transaction.put(utf8('k0'), utf8('new'));
        transaction.delete(utf8('k2'));
        transaction.put(utf8('k3'), utf8('changed'));
        expect(await value(transaction, 'k2')).toBeUndefined();
        expect(await all(transaction.scan(prefixRange(utf8('k'))))).toEqual(['k0=new', 'k1=a', 'k3=changed']);
        expect(await all(transaction.scan(prefixRange(utf8('k')), { reverse: true }))).toEqual([
          'k3=changed',
          'k1=a',
          'k0=new',
        ]);
        transaction.rollback();
        expect(await all(store.begin().scan(prefixRange(utf8('k'))))).toEqual(['k1=a', 'k2=b', 'k3=c']);
      });

      it('keeps values of every length, empty ones too, and bytes of every kind', async () => {
        const transaction = store.begin();
        const lengths = [0, 1, 31, 32, 33, 127, 128, 4_095, 65_536, 5_000_000];
        for (const length of lengths) transaction.put(utf8(`v${length}`), Buffer.alloc(length, length % 251));
        transaction.put(Buffer.from([0xff, 0xff, 0x00]), utf8('high'));
        await transaction.commit();
        for (const length of lengths) {
          const stored = await store.get(utf8(`v${length}`));
          expect(Buffer.compare(stored!, Buffer.alloc(length, length % 251))).toBe(0);
        }
        await settle();
        expect((await store.get(utf8('v5000000')))!.length).toBe(5_000_000);
        expect(asText(await store.get(Buffer.from([0xff, 0xff, 0x00])))).toBe('high');
      });

      it('keeps apart what large transactions wrote one after the other, for readers of any time', async () => {
        const written = (round: number, i: number): Buffer => Buffer.alloc(60_000, `${round}/${i} `);
        const held: { readonly at: string; readonly value: Uint8Array; readonly expected: Buffer }[] = [];
        for (let round = 0; round < 6; round++) {
          const before = store.begin({ isolation: 'snapshot' });
          const transaction = store.begin();
          for (let i = 0; i < 90; i++) transaction.put(utf8(`k${i}`), written(round, i));
          await transaction.commit();
          if (round % 2 === 1) await settle();
          for (const i of [0, 44, 89]) {
            const [old, value] = [await before.get(utf8(`k${i}`)), await store.get(utf8(`k${i}`))];
            if (round > 0) held.push({ at: `${round - 1}/${i}`, value: old!, expected: written(round - 1, i) });
            held.push({ at: `${round}/${i}`, value: value!, expected: written(round, i) });
          }
          before.rollback();
        }
        for (const { at, value, expected } of held) expect(Buffer.compare(value, expected), at).toBe(0);
      });

      it('refuses keys that are empty, begin with a zero byte or are too long', () => {
        const transaction = store.begin();
        expect(() => transaction.put(Buffer.alloc(0), utf8('x'))).toThrow(
          expect.objectContaining({ code: 'invalid_argument' }),
        );
        expect(() => transaction.put(Buffer.from([0, 1]), utf8('x'))).toThrow(
          expect.objectContaining({ code: 'invalid_argument' }),
        );
        expect(() => transaction.put(Buffer.alloc(65_536, 1), utf8('x'))).toThrow(
          expect.objectContaining({ code: 'too_large' }),
        );
        transaction.rollback();
      });

      it('hands out bytes that later writes do not change', async () => {
        await write({ a: 'first' });
        const first = await store.get(utf8('a'));
        for (let i = 0; i < 50; i++) await write({ a: `later ${i}` });
        expect(asText(first)).toBe('first');
      });

      it('takes a part of what a batch is given as a value', async () => {
        const batch = store.writeBatch();
        const long = 'y'.repeat(100);
        batch.putPart(utf8('a'), utf8('[short]'), 1, 6);
        batch.putPart(utf8('b'), utf8(`[${long}]`), 1, 101);
        batch.putPart(utf8('c'), utf8('nothing'), 3, 3);
        await batch.commit();
        for (const [key, value] of Object.entries({ a: 'short', b: long, c: '' })) {
          expect(asText(await store.get(utf8(key)))).toBe(value);
        }
      });
    });

    describe('scans', () => {
      beforeEach(async () => {
        // Half of it in the engine, half in the overlay, interleaved.
        const even = store.begin();
        for (let i = 0; i < 3_000; i += 2) even.put(utf8(`s/${pad(i)}`), utf8(`e${i}`));
        await even.commit();
        await settle();
        const odd = store.begin();
        for (let i = 1; i < 3_000; i += 2) odd.put(utf8(`s/${pad(i)}`), utf8(`o${i}`));
        for (let i = 0; i < 3_000; i += 10) odd.delete(utf8(`s/${pad(i)}`));
        await odd.commit();
      });

      const expected = Array.from({ length: 3_000 }, (_, i) => i)
        .filter((i) => i % 10 !== 0)
        .map((i) => `s/${pad(i)}=${i % 2 === 0 ? 'e' : 'o'}${i}`);

      it('yield every entry once, in order, in batches', async () => {
        const batches: number[] = [];
        const transaction = store.begin({ readOnly: true });
        const cursor = transaction.scan(prefixRange(utf8('s/')));
        const found: string[] = [];
        for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
          batches.push(batch.length);
          for (const entry of batch) found.push(`${text(entry.key)}=${text(entry.value)}`);
        }
        expect(found).toEqual(expected);
        expect(Math.max(...batches)).toBeLessThanOrEqual(2_048);
        expect(batches.length).toBeGreaterThan(2);
        transaction.rollback();
      });

      it('run in reverse', async () => {
        expect(await all(store.begin().scan(prefixRange(utf8('s/')), { reverse: true }))).toEqual(
          expected.toReversed(),
        );
      });

      it('stop at a limit, in both directions', async () => {
        const transaction = store.begin();
        expect(await all(transaction.scan(prefixRange(utf8('s/')), { limit: 7 }))).toEqual(expected.slice(0, 7));
        expect(await all(transaction.scan(prefixRange(utf8('s/')), { limit: 7, reverse: true }))).toEqual(
          expected.toReversed().slice(0, 7),
        );
        expect(await all(transaction.scan(prefixRange(utf8('s/')), { limit: 0 }))).toEqual([]);
        transaction.rollback();
      });

      it('respect both bounds, start included and end not', async () => {
        const transaction = store.begin();
        const range = { start: utf8(`s/${pad(101)}`), end: utf8(`s/${pad(107)}`) };
        const inside = expected.filter((entry) => entry >= `s/${pad(101)}` && entry < `s/${pad(107)}`);
        expect(await all(transaction.scan(range))).toEqual(inside);
        expect(await all(transaction.scan(range, { reverse: true }))).toEqual(inside.toReversed());
        expect(await all(transaction.scan({ start: utf8('t'), end: utf8('t') }))).toEqual([]);
        transaction.rollback();
      });

      it('can run side by side on one transaction', async () => {
        const transaction = store.begin();
        const a = transaction.scan(prefixRange(utf8('s/')));
        const b = transaction.scan(prefixRange(utf8('s/')), { reverse: true });
        const [fromA, fromB]: [string[], string[]] = [[], []];
        for (;;) {
          const batchA = await a.next();
          const batchB = await b.next();
          for (const entry of batchA ?? []) fromA.push(`${text(entry.key)}=${text(entry.value)}`);
          for (const entry of batchB ?? []) fromB.push(`${text(entry.key)}=${text(entry.value)}`);
          if (batchA === undefined && batchB === undefined) break;
        }
        expect(fromA).toEqual(expected);
        expect(fromB).toEqual(expected.toReversed());
        transaction.rollback();
      });

      it('leave values out when only keys are wanted', async () => {
        const found = await all(store.begin().scan(prefixRange(utf8('s/')), { keysOnly: true, limit: 3 }));
        expect(found.map((entry) => entry.split('=')[0])).toEqual(
          expected.slice(0, 3).map((entry) => entry.split('=')[0]),
        );
      });
    });

    describe('range deletions', () => {
      it('hide what was there, in every layer, and spare what is written afterwards', async () => {
        await write({ 'r/1': 'a', 'r/2': 'b', 'q/1': 'q' });
        await settle();
        await write({ 'r/3': 'c' });
        const transaction = store.begin();
        transaction.put(utf8('r/4'), utf8('d'));
        transaction.deleteRange(prefixRange(utf8('r/')));
        transaction.put(utf8('r/5'), utf8('e'));
        expect(await all(transaction.scan(ALL_KEYS))).toEqual(['q/1=q', 'r/5=e']);
        expect(await value(transaction, 'r/4')).toBeUndefined();
        await transaction.commit();
        expect(await all(store.begin().scan(prefixRange(utf8('r/'))))).toEqual(['r/5=e']);
        expect(await store.get(utf8('r/1'))).toBeUndefined();
        await settle();
        expect(await all(store.begin().scan(prefixRange(utf8('r/'))))).toEqual(['r/5=e']);
        expect(await store.get(utf8('r/3'))).toBeUndefined();
        expect(asText(await store.get(utf8('q/1')))).toBe('q');
      });

      it('remove a large range without touching its neighbours', async () => {
        const transaction = store.begin();
        for (let i = 0; i < 5_000; i++) transaction.put(utf8(`m/${pad(i)}`), utf8('x'));
        await transaction.commit();
        await settle();
        const deletion = store.begin();
        deletion.deleteRange({ start: utf8(`m/${pad(1_000)}`), end: utf8(`m/${pad(4_000)}`) });
        await deletion.commit();
        await settle();
        const left = await all(store.begin().scan(prefixRange(utf8('m/')), { keysOnly: true }));
        expect(left.length).toBe(2_000);
        expect(left[999]).toBe(`m/${pad(999)}=`);
        expect(left[1_000]).toBe(`m/${pad(4_000)}=`);
      });

      it('leave older snapshots what they saw', async () => {
        await write({ 'r/1': 'a', 'r/2': 'b' });
        await settle();
        const before = store.begin({ readOnly: true });
        const deletion = store.begin();
        deletion.deleteRange(prefixRange(utf8('r/')));
        await deletion.commit();
        await settle();
        expect(await all(before.scan(prefixRange(utf8('r/'))))).toEqual(['r/1=a', 'r/2=b']);
        expect(await value(before, 'r/1')).toBe('a');
        before.rollback();
      });

      it('without upper bound reach to the last key', async () => {
        await write({ a: '1', y: '2', z: '3' });
        const transaction = store.begin();
        transaction.deleteRange({ start: utf8('x'), end: undefined });
        await transaction.commit();
        await settle();
        expect(await all(store.begin().scan(ALL_KEYS))).toEqual(['a=1']);
      });

      it('conflict with a concurrent write inside the range, and not with one outside', async () => {
        await write({ 'r/1': 'a' });
        const inside = store.begin();
        inside.deleteRange(prefixRange(utf8('r/')));
        await write({ 'r/2': 'b' });
        await expect(inside.commit()).rejects.toMatchObject({ code: 'transaction_conflict' });
        const outside = store.begin();
        outside.deleteRange(prefixRange(utf8('r/')));
        await write({ 's/1': 'c' });
        await outside.commit();
        // A store that others share deletes the keys that it finds: a new one is none of them.
        if (store.supports.shared) return;
        const writer = store.begin();
        writer.put(utf8('r/9'), utf8('late'));
        const deletion = store.begin();
        deletion.deleteRange(prefixRange(utf8('r/')));
        await deletion.commit();
        await expect(writer.commit()).rejects.toMatchObject({ code: 'transaction_conflict' });
      });
    });

    describe('snapshot isolation', () => {
      it('reads one version throughout, across overwrites, deletions and application', async () => {
        await write({ a: '1', b: '1' });
        const transaction = store.begin();
        await write({ a: '2', b: undefined, c: '2' });
        await settle();
        await write({ a: '3' });
        expect(await value(transaction, 'a')).toBe('1');
        expect(await value(transaction, 'b')).toBe('1');
        expect(await value(transaction, 'c')).toBeUndefined();
        expect(await all(transaction.scan(ALL_KEYS))).toEqual(['a=1', 'b=1']);
        expect((await transaction.batchGet([utf8('a'), utf8('c'), utf8('b')])).map(asText)).toEqual([
          '1',
          undefined,
          '1',
        ]);
        transaction.rollback();
      });

      it('lets the first committer win', async () => {
        await write({ a: '0' });
        const one = store.begin();
        const two = store.begin();
        one.put(utf8('a'), utf8('1'));
        two.put(utf8('a'), utf8('2'));
        await one.commit();
        await expect(two.commit()).rejects.toMatchObject({ code: 'transaction_conflict' });
        expect(asText(await store.get(utf8('a')))).toBe('1');
      });

      it('finds the conflict also after the other commit was applied', async () => {
        await write({ a: '0' });
        const late = store.begin();
        late.put(utf8('a'), utf8('late'));
        await write({ a: '1' });
        await settle();
        await expect(late.commit()).rejects.toMatchObject({ code: 'transaction_conflict' });
      });

      it('allows write skew', async () => {
        await write({ x: '0', y: '0' });
        const one = store.begin();
        const two = store.begin();
        await value(one, 'x');
        await value(two, 'y');
        one.put(utf8('y'), utf8('1'));
        two.put(utf8('x'), utf8('1'));
        await one.commit();
        await two.commit();
        expect(asText(await store.get(utf8('x')))).toBe('1');
      });
    });

    it('refuses to begin a serializable transaction where it has none', async ({ skip }) => {
      if (store.supports.serializable) skip();
      expect(() => store.begin({ isolation: 'serializable' })).toThrow(
        expect.objectContaining({ code: 'unsupported' }),
      );
    });

    describe('serializable isolation', () => {
      beforeEach(({ skip }) => {
        if (!store.supports.serializable) skip();
      });

      it('refuses write skew', async () => {
        await write({ x: '0', y: '0' });
        const one = store.begin({ isolation: 'serializable' });
        const two = store.begin({ isolation: 'serializable' });
        await value(one, 'x');
        await value(two, 'y');
        one.put(utf8('y'), utf8('1'));
        two.put(utf8('x'), utf8('1'));
        await one.commit();
        await expect(two.commit()).rejects.toMatchObject({ code: 'transaction_conflict' });
      });

      it('refuses phantoms: a key that appeared in a scanned range', async () => {
        await write({ 'p/1': 'a' });
        const reader = store.begin({ isolation: 'serializable' });
        expect(await all(reader.scan(prefixRange(utf8('p/'))))).toEqual(['p/1=a']);
        reader.put(utf8('count'), utf8('1'));
        await write({ 'p/2': 'b' });
        await expect(reader.commit()).rejects.toMatchObject({ code: 'transaction_conflict' });
      });

      it('does not mind changes behind the point where a limited scan stopped', async () => {
        await write({ 'p/1': 'a', 'p/2': 'b', 'p/3': 'c' });
        const reader = store.begin({ isolation: 'serializable' });
        expect(await all(reader.scan(prefixRange(utf8('p/')), { limit: 1 }))).toEqual(['p/1=a']);
        reader.put(utf8('first'), utf8('p/1'));
        await write({ 'p/3': 'changed' });
        await reader.commit();
        const second = store.begin({ isolation: 'serializable' });
        await all(second.scan(prefixRange(utf8('p/')), { limit: 1 }));
        second.put(utf8('first'), utf8('p/1'));
        await write({ 'p/0': 'before' });
        await expect(second.commit()).rejects.toMatchObject({ code: 'transaction_conflict' });
      });

      it('commits what only read, whatever changed', async () => {
        await write({ a: '1' });
        const reader = store.begin({ isolation: 'serializable' });
        await value(reader, 'a');
        await write({ a: '2' });
        await reader.commit();
      });
    });

    describe('read committed', () => {
      it('sees at each statement what is committed then, and within it one version', async () => {
        await write({ a: '1' });
        const transaction = store.begin({ isolation: 'readCommitted' });
        transaction.beginStatement();
        expect(await value(transaction, 'a')).toBe('1');
        await write({ a: '2' });
        expect(await value(transaction, 'a')).toBe('1');
        transaction.beginStatement();
        expect(await value(transaction, 'a')).toBe('2');
        transaction.rollback();
      });

      it('updates what another changed in between, once it has the lock', async () => {
        await write({ n: '1' });
        const one = store.begin({ isolation: 'readCommitted' });
        const two = store.begin({ isolation: 'readCommitted' });
        await one.lock([utf8('n')]);
        const waiting = two.lock([utf8('n')]);
        one.put(utf8('n'), utf8('2'));
        await one.commit();
        await waiting;
        two.beginStatement();
        expect(await value(two, 'n')).toBe('2');
        two.put(utf8('n'), utf8('3'));
        await two.commit();
        expect(asText(await store.get(utf8('n')))).toBe('3');
      });
    });

    describe('frozen reads', () => {
      it('see what was there, own writes too, and nothing written since', async ({ skip }) => {
        await write({ a: '1', b: '1', c: '1' });
        const transaction = store.begin();
        if (transaction.freeze === undefined) {
          transaction.rollback();
          skip();
        }
        transaction.put(utf8('b'), utf8('own'));
        const first = transaction.freeze!();
        transaction.put(utf8('a'), utf8('2'));
        transaction.delete(utf8('b'));
        transaction.put(utf8('d'), utf8('2'));
        const second = transaction.freeze!();
        transaction.put(utf8('a'), utf8('3'));
        transaction.put(utf8('b'), utf8('3'));
        const keys = ['a', 'b', 'c', 'd'].map(utf8);
        const values = async (reads: Pick<Transaction, 'batchGet'>) => (await reads.batchGet(keys)).map(asText);
        expect(await values(first)).toEqual(['1', 'own', '1', undefined]);
        expect(await values(second)).toEqual(['2', undefined, '1', '2']);
        expect(await values(transaction)).toEqual(['3', '3', '1', '2']);
        expect(asText(await first.get(utf8('b')))).toBe('own');
        expect(await all(first.scan(ALL_KEYS))).toEqual(
          await all(first.scan(ALL_KEYS, { reverse: true })).then((list) => list.reverse()),
        );
        expect((await all(first.scan(ALL_KEYS))).length).toBe(3);
        expect((await all(second.scan(ALL_KEYS))).length).toBe(3);
        expect(keys.map((key) => first.isWritten(key))).toEqual([true, true, false, true]);
        expect(keys.map((key) => second.isWritten(key))).toEqual([true, true, false, false]);
        first.end();
        expect(await values(second)).toEqual(['2', undefined, '1', '2']);
        second.end();
        second.end();
        const again = transaction.freeze!();
        expect(keys.map((key) => again.isWritten(key))).toEqual([false, false, false, false]);
        transaction.delete(utf8('c'));
        expect(await values(again)).toEqual(['3', '3', '1', '2']);
        // A commit ends them.
        await transaction.commit();
        const reader = store.begin({ readOnly: true });
        expect(await values(reader)).toEqual(['3', '3', undefined, '2']);
        reader.rollback();
      });

      it('stay where they are when the transaction goes on to a newer snapshot', async ({ skip }) => {
        await write({ a: '1', b: '1' });
        const transaction = store.begin({ isolation: 'readCommitted' });
        if (transaction.freeze === undefined) {
          transaction.rollback();
          skip();
        }
        transaction.beginStatement();
        await transaction.lock([utf8('b')], {});
        transaction.put(utf8('b'), utf8('own'));
        const reads = transaction.freeze!();
        await write({ a: '2', c: '2' });
        transaction.beginStatement();
        const keys = ['a', 'b', 'c'].map(utf8);
        expect((await transaction.batchGet(keys)).map(asText)).toEqual(['2', 'own', '2']);
        expect((await reads.batchGet(keys)).map(asText)).toEqual(['1', 'own', undefined]);
        expect(asText(await reads.get(utf8('a')))).toBe('1');
        expect((await all(reads.scan(ALL_KEYS))).length).toBe(2);
        await write({ a: '3' });
        transaction.beginStatement();
        expect(asText(await reads.get(utf8('a')))).toBe('1');
        reads.end();
        expect(asText(await transaction.get(utf8('a')))).toBe('3');
        await transaction.commit();
      });

      it('go on over a rollback to a savepoint', async ({ skip }) => {
        const transaction = store.begin();
        if (transaction.freeze === undefined) {
          transaction.rollback();
          skip();
        }
        transaction.put(utf8('a'), utf8('1'));
        const savepoint = transaction.savepoint();
        const reads = transaction.freeze!();
        transaction.put(utf8('a'), utf8('2'));
        transaction.rollbackTo(savepoint);
        expect([asText(await reads.get(utf8('a'))), reads.isWritten(utf8('a'))]).toEqual(['1', false]);
        reads.end();
        transaction.put(utf8('a'), utf8('3'));
        await transaction.commit();
        const reader = store.begin({ readOnly: true });
        expect(await value(reader, 'a')).toBe('3');
        reader.rollback();
      });
    });

    describe('savepoints', () => {
      it('undo later writes, deletions and range deletions', async () => {
        await write({ a: '0', b: '0' });
        const transaction = store.begin();
        transaction.put(utf8('a'), utf8('1'));
        const outer = transaction.savepoint();
        transaction.put(utf8('a'), utf8('2'));
        transaction.put(utf8('c'), utf8('2'));
        const inner = transaction.savepoint();
        transaction.deleteRange(ALL_KEYS);
        expect(await all(transaction.scan(ALL_KEYS))).toEqual([]);
        transaction.rollbackTo(inner);
        expect(await all(transaction.scan(ALL_KEYS))).toEqual(['a=2', 'b=0', 'c=2']);
        transaction.rollbackTo(outer);
        expect(await all(transaction.scan(ALL_KEYS))).toEqual(['a=1', 'b=0']);
        transaction.put(utf8('d'), utf8('3'));
        transaction.rollbackTo(outer);
        await transaction.commit();
        expect(await all(store.begin().scan(ALL_KEYS))).toEqual(['a=1', 'b=0']);
      });

      it('release locks taken after them', async () => {
        const transaction = store.begin();
        await transaction.lock([utf8('before')]);
        const savepoint = transaction.savepoint();
        await transaction.lock([utf8('after')]);
        transaction.rollbackTo(savepoint);
        const other = store.begin();
        expect((await other.lock([utf8('before'), utf8('after')], { wait: 'skip' })).map(text)).toEqual(['after']);
        transaction.rollback();
        other.rollback();
      });
    });

    describe('requirements', () => {
      it('hold at commit, or the commit fails with the given error', async () => {
        await write({ lease: 'epoch 1' });
        const current = store.begin();
        current.require(utf8('lease'), utf8('epoch 1'));
        current.require(utf8('absent'), undefined);
        current.put(utf8('a'), utf8('1'));
        await current.commit();
        const stale = store.begin();
        stale.require(utf8('lease'), utf8('epoch 1'), () => new Error('fenced'));
        stale.put(utf8('a'), utf8('2'));
        await write({ lease: 'epoch 2' });
        await expect(stale.commit()).rejects.toThrow('fenced');
        expect(asText(await store.get(utf8('a')))).toBe('1');
      });
    });

    describe('the life of a transaction', () => {
      it('ends once', async () => {
        const transaction = store.begin();
        transaction.put(utf8('a'), utf8('1'));
        await transaction.commit();
        expect(transaction.state).toBe('committed');
        expect(() => transaction.put(utf8('a'), utf8('2'))).toThrow(
          expect.objectContaining({ code: 'transaction_closed' }),
        );
        await expect(transaction.commit()).rejects.toMatchObject({ code: 'transaction_closed' });
        transaction.rollback();
        expect(asText(await store.get(utf8('a')))).toBe('1');
      });

      it('is refused writes when it is read-only', () => {
        const transaction = store.begin({ readOnly: true });
        expect(() => transaction.put(utf8('a'), utf8('1'))).toThrow(
          expect.objectContaining({ code: 'invalid_argument' }),
        );
        transaction.rollback();
      });

      it('is run again by the retry loop until it commits', async () => {
        await write({ n: '0' });
        await Promise.all(
          Array.from({ length: 20 }, () =>
            runTransaction(
              store,
              platform,
              async (transaction) => {
                const n = Number(await value(transaction, 'n'));
                await platform.timers.yield();
                transaction.put(utf8('n'), utf8(String(n + 1)));
              },
              { attemptsMax: 1_000 },
            ),
          ),
        );
        expect(asText(await store.get(utf8('n')))).toBe('20');
        expect(store.statistics().conflicts).toBeGreaterThan(0);
      });

      it('fails when the store closes under it', async () => {
        const transaction = store.begin();
        await store.close();
        expect(() => transaction.get(utf8('a'))).toThrow(expect.objectContaining({ code: 'store_closed' }));
        expect(() => store.begin()).toThrow(expect.objectContaining({ code: 'store_closed' }));
      });
    });

    describe('notification', () => {
      it('tells of commits in a range, inside the commit, and of nothing else', async () => {
        const seen: string[] = [];
        const stop = store.watch(prefixRange(utf8('w/')), (record) => {
          for (const change of record.changes) seen.push(`${record.version}:${change.kind}`);
        });
        const transaction = store.begin();
        transaction.put(utf8('w/1'), utf8('a'));
        transaction.put(utf8('x/1'), utf8('b'));
        transaction.delete(utf8('w/2'));
        const { version } = await transaction.commitVisible();
        expect(seen).toEqual([`${version}:put`, `${version}:delete`]);
        const range = store.begin();
        range.deleteRange({ start: utf8('a'), end: utf8('z') });
        await range.commit();
        expect(seen.at(-1)).toBe(`${store.version}:deleteRange`);
        stop();
        await write({ 'w/3': 'c' });
        expect(seen.length).toBe(3);
      });
    });

    describe('the change feed', () => {
      it('gives every commit after a position, in order, then live ones', async () => {
        if (!store.supports.changeFeed) {
          expect(() => store.changes(0)[Symbol.asyncIterator]().next()).toBeDefined();
          await expect(store.changes(0)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'unsupported' });
          return;
        }
        const versions: number[] = [];
        for (let i = 0; i < 20; i++) versions.push(await write({ [`f/${i}`]: String(i) }));
        const abort = new AbortController();
        const records: CommitRecord[] = [];
        const reading = (async () => {
          for await (const record of store.changes(versions[4]!, abort.signal)) {
            records.push(record);
            if (records.length === 18) abort.abort();
          }
        })();
        for (let i = 20; i < 23; i++) versions.push(await write({ [`f/${i}`]: String(i) }));
        await reading;
        expect(records.map((record) => record.version)).toEqual(versions.slice(5));
        expect(records[0]!.changes).toMatchObject([{ kind: 'put' }]);
        const change = records.at(-1)!.changes[0]!;
        expect(change.kind === 'put' && text(change.key)).toBe('f/22');
      });
    });

    describe('bounds', () => {
      it('give up a snapshot that holds too much, and say so, while readers of their base go on', async ({ skip }) => {
        if (store.supports.shared) skip(); // Snapshots are kept by the store's own servers.
        const reader = store.begin({ readOnly: true });
        const writer = store.begin();
        await write({ before: '1' });
        await value(writer, 'before');
        writer.put(utf8('mine'), utf8('1'));
        const filler = Buffer.alloc(100_000, 1);
        for (let i = 0; i < 200; i++) {
          await store.whenWritable();
          const transaction = store.begin();
          transaction.put(utf8(`fill/${i % 10}`), filler);
          await transaction.commit();
        }
        await settle();
        await expect(writer.commit()).rejects.toMatchObject({ code: 'transaction_too_old' });
        expect(await all(reader.scan(ALL_KEYS))).toEqual([]);
        reader.rollback();
        expect(store.statistics().overlayBytes).toBeLessThan(30 << 20);
      });

      it('many open snapshots share what they read', async () => {
        const snapshots: Transaction[] = [];
        for (let i = 0; i < 300; i++) {
          await write({ counter: String(i) });
          snapshots.push(store.begin({ readOnly: true }));
          if (i % 3 === 0) await settle();
        }
        for (let i = 0; i < 300; i++) expect(await value(snapshots[i]!, 'counter')).toBe(String(i));
        for (const snapshot of snapshots) snapshot.rollback();
      });
    });

    it('proves its readiness with a read and a write', async () => {
      await store.probe();
      expect(store.health).toMatchObject({ status: 'healthy' });
    });

    it('keeps everything over a restart, if it is persistent', async () => {
      await write({ a: '1', b: '2' });
      const version = await write({ a: undefined, c: '3' });
      await test.reopen();
      store = test.store;
      if (!store.supports.persistent) {
        expect(await store.get(utf8('b'))).toBeUndefined();
        return;
      }
      if (store.supports.shared) expect(store.version).toBeGreaterThanOrEqual(version);
      else expect(store.version).toBe(version);
      expect(await all(store.begin().scan(ALL_KEYS))).toEqual(['b=2', 'c=3']);
      if (store.supports.shared) expect(await write({ d: '4' })).toBeGreaterThan(version);
      else expect(await write({ d: '4' })).toBe(version + 1);
    });
  });
}

function pad(i: number): string {
  return String(i).padStart(5, '0');
}
