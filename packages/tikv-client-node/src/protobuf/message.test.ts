import { describe, expect, it } from 'vitest';
import { BatchCommands, unwrapCommand, wrapCommand } from '../proto/batch-commands.ts';
import { RegionError } from '../proto/errorpb.ts';
import { Context, KeyError, Op } from '../proto/kvrpcpb.ts';
import { KeyspaceMeta, Timestamp } from '../proto/pdpb.ts';
import {
  CheckTxnStatusResponse,
  GetRequest,
  PessimisticLockRequest,
  PrewriteRequest,
} from '../proto/transaction-messages.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('messages', () => {
  it('write the literal bytes of the wire format', () => {
    expect(hex(GetRequest.encode({ key: Buffer.from('abc'), version: 300n }))).toBe('120361626318ac02');
    expect(hex(GetRequest.encode({ context: { regionId: 1n, peer: { id: 2n, storeId: 3n } } }))).toBe(
      `0a08${'0801'}${'1a04'}${'08021003'}`,
    );
    expect(hex(Timestamp.encode({ physical: 1n, logical: -1n }))).toBe('080110ffffffffffffffffff01');
    expect(hex(PessimisticLockRequest.encode({ waitTimeout: -1n }))).toBe('40ffffffffffffffffff01');
    expect(hex(RegionError.encode({ undeterminedResult: {} }))).toBe('b20100');
    expect(hex(wrapCommand(255, Buffer.from([1, 2])))).toBe('fa0f020102');
  });

  it('keep every 64-bit value', () => {
    for (const version of [
      0n,
      1n,
      127n,
      128n,
      2n ** 28n,
      2n ** 32n - 1n,
      2n ** 32n,
      2n ** 35n,
      2n ** 53n + 1n,
      2n ** 63n,
      2n ** 64n - 1n,
    ]) {
      expect(GetRequest.decode(GetRequest.encode({ version })).version).toBe(version);
      const physical = BigInt.asIntN(64, version);
      expect(Timestamp.decode(Timestamp.encode({ physical })).physical).toBe(physical);
    }
  });

  it('read absent scalars as zero, absent messages as undefined and repeated fields as empty', () => {
    const request = PrewriteRequest.decode(Buffer.alloc(0));
    expect(request).toMatchObject({ startVersion: 0n, tryOnePc: false, mutations: [], context: undefined });
    expect(request.primaryLock).toHaveLength(0);
    expect(CheckTxnStatusResponse.decode(Buffer.alloc(0)).lockInfo).toBeUndefined();
  });

  it('give presence to numbers in a oneof', () => {
    expect(hex(Context.encode({ keyspaceId: 0 }))).toBe('800200');
    expect(KeyspaceMeta.decode(KeyspaceMeta.encode({ id: 0 })).id).toBe(0);
    expect(KeyspaceMeta.decode(Buffer.alloc(0)).id).toBeUndefined();
  });

  it('read repeated numbers packed and one by one', () => {
    const packed = PrewriteRequest.encode({ pessimisticActions: [1, 0, 2] });
    expect(hex(packed)).toBe('3a03010002');
    expect(PrewriteRequest.decode(packed).pessimisticActions).toEqual([1, 0, 2]);
    expect(PrewriteRequest.decode(Buffer.from('380138003802', 'hex')).pessimisticActions).toEqual([1, 0, 2]);
  });

  it('skip fields of numbers they do not know and keep unknown enum numbers', () => {
    const unknown = Buffer.from(`f83f05${'f93f0102030405060708'}${'fa3f0161'}${'fd3f01020304'}1807`, 'hex');
    expect(GetRequest.decode(unknown).version).toBe(7n);
    const lock = KeyError.decode(KeyError.encode({ locked: { lockType: 77 } })).locked;
    expect(lock?.lockType).toBe(77);
    expect(Op.Put).toBe(0);
  });

  it('nest messages of any length', () => {
    for (const length of [0, 100, 120, 128, 16_370, 16_384, 2_097_152]) {
      const value = Buffer.alloc(length, 7);
      const request = PrewriteRequest.encode({
        mutations: [{ op: Op.Put, key: Buffer.from('k'), value }],
        lockTtl: 9n,
      });
      const decoded = PrewriteRequest.decode(request);
      expect(decoded.mutations[0]?.value.equals(value)).toBe(true);
      expect(decoded.lockTtl).toBe(9n);
    }
  });

  it('throw on every input cut inside of a value, and on nonsense', () => {
    const whole = PrewriteRequest.encode({
      mutations: [{ key: Buffer.from('key'), value: Buffer.from('v') }],
      startVersion: 500n,
    });
    let refused = 0;
    for (let length = 1; length < whole.length; length++) {
      try {
        PrewriteRequest.decode(whole.subarray(0, length));
      } catch {
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(whole.length - 6);
    expect(() => GetRequest.decode(Buffer.from('18ffffffffffffffffffff01', 'hex'))).toThrow('more than ten bytes');
    expect(() => GetRequest.decode(Buffer.from('13', 'hex'))).toThrow('wire type');
    expect(() => GetRequest.decode(Buffer.from('12056162', 'hex'))).toThrow('beyond the input');
  });

  it('carry commands without decoding them', () => {
    const body = GetRequest.encode({ version: 5n });
    const batch = BatchCommands.decode(BatchCommands.encode({ commands: [wrapCommand(1, body)], requestIds: [9n] }));
    const command = unwrapCommand(batch.commands[0]!);
    expect(command?.number).toBe(1);
    expect(command?.body.equals(body)).toBe(true);
    expect(unwrapCommand(Buffer.alloc(0))).toBeUndefined();
  });
});
