import { describe, expect, it } from 'vitest';
import type { Store } from '../../storage/store.ts';
import { HeldReplies } from './held-replies.ts';
import { ReplyWriter } from './reply-writer.ts';

/** A store that is durable up to a version. */
function durableUpTo(version: number): Store {
  return { whenDurable: (asked: number) => (asked <= version ? undefined : Promise.resolve()) } as unknown as Store;
}

function held(...parts: readonly (readonly [text: string, version: number])[]): HeldReplies {
  const replies = new HeldReplies();
  for (const [text, version] of parts) {
    const writer = new ReplyWriter();
    writer.raw(Buffer.from(text));
    replies.hold(writer.buffer, writer.length, version);
  }
  return replies;
}

const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString());

describe('held replies', () => {
  it('leave in order, as far as they are durable', () => {
    const replies = held(['one ', 3], ['two ', 5], ['three', 9]);
    expect(replies.takeDurable(durableUpTo(2))).toBeUndefined();
    expect(replies.waiting).toBeDefined();
    expect(text(replies.takeDurable(durableUpTo(5)))).toBe('one two ');
    replies.sent(false);
    expect(replies.length).toBe(5);
    expect(text(replies.takeDurable(durableUpTo(9)))).toBe('three');
    expect(replies.waiting).toBeUndefined();
    replies.sent(false);
    expect(replies.isEmpty).toBe(true);
    expect(replies.length).toBe(0);
  });

  it('wait for what those before them wait for, even if they observed less', () => {
    const replies = held(['write', 7], ['read', 2]);
    expect(replies.takeDurable(durableUpTo(6))).toBeUndefined();
    expect(text(replies.takeDurable(durableUpTo(7)))).toBe('writeread');
  });

  it('leave with what is lent in its place, which is never copied', () => {
    const replies = held(['head', 3]);
    const lent = [Buffer.from('lent'), Buffer.from('also')];
    replies.holdLent(lent[0]!, 3);
    replies.hold(Buffer.from('tail'), 4, 3);
    replies.holdLent(lent[1]!, 5);
    replies.hold(Buffer.from('end'), 3, 5);
    expect(replies.length).toBe(19);
    expect(replies.takeDurable(durableUpTo(2))).toBeUndefined();
    expect(text(replies.takeDurable(durableUpTo(4)))).toBe('head');
    expect(replies.isParted).toBe(true);
    replies.sent(true);
    expect(replies.takeDurable(durableUpTo(4))).toBe(lent[0]);
    replies.sent(true);
    expect(text(replies.takeDurable(durableUpTo(4)))).toBe('tail');
    replies.sent(false);
    expect(replies.takeDurable(durableUpTo(4))).toBeUndefined();
    expect(replies.waiting).toBeDefined();
    expect(replies.takeDurable(durableUpTo(5))).toBe(lent[1]);
    replies.sent(false);
    expect(text(replies.takeDurable(durableUpTo(5)))).toBe('end');
    expect(replies.isParted).toBe(false);
    replies.sent(false);
    expect(replies.length).toBe(0);
  });

  it('leave a buffer that a socket keeps alone', () => {
    const replies = held(['sent', 1], ['left', 2]);
    const kept = replies.takeDurable(durableUpTo(1))!;
    replies.sent(true);
    const writer = new ReplyWriter();
    writer.raw(Buffer.alloc(5_000, 'x'));
    replies.hold(writer.buffer, writer.length, 3);
    expect(text(kept)).toBe('sent');
    expect(text(replies.takeDurable(durableUpTo(2)))).toBe('left');
    replies.sent(false);
    expect(text(replies.takeDurable(durableUpTo(3)))).toBe('x'.repeat(5_000));
  });

  it('move to the front of their buffer when its end is reached', () => {
    const replies = held(['a'.repeat(900), 1], ['b'.repeat(600), 2]);
    expect(replies.takeDurable(durableUpTo(1))).toHaveLength(900);
    replies.sent(false);
    for (let i = 3; i < 40; i++) {
      const writer = new ReplyWriter();
      writer.raw(Buffer.from(String(i).repeat(200)));
      replies.hold(writer.buffer, writer.length, i);
      const out = text(replies.takeDurable(durableUpTo(i - 1)));
      expect(out).toBe(i === 3 ? 'b'.repeat(600) : String(i - 1).repeat(200));
      replies.sent(false);
    }
  });
});
