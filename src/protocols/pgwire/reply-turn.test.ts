import { expect, test } from 'vitest';
import { ReplyTurn } from './reply-turn.ts';

test('answers leave at the end of the turn, in order, and those that come meanwhile at the end of the next', () => {
  const soon: (() => void)[] = [];
  const turn = new ReplyTurn({ soon: (callback) => void soon.push(callback) });
  const left: string[] = [];
  turn.add(() => {
    left.push('first');
    turn.add(() => void left.push('third'));
  });
  turn.add(() => void left.push('second'));
  expect([left, soon.length]).toEqual([[], 1]);
  soon.shift()!();
  expect([left, soon.length]).toEqual([['first', 'second'], 1]);
  soon.shift()!();
  expect(left).toEqual(['first', 'second', 'third']);
});
