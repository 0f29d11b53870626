import { expect, test } from 'vitest';
import { once } from './once.ts';

test('what is made once is made when it is asked for, and is the same from then on', () => {
  let made = 0;
  const get = once(() => ({ number: ++made }));
  expect(made).toBe(0);
  expect(get()).toBe(get());
  expect(made).toBe(1);
});

test('what could not be made is made when it is asked for again', () => {
  let asked = 0;
  const get = once(() => {
    if (++asked === 1) throw new Error('not yet');
    return { asked };
  });
  expect(get).toThrow('not yet');
  expect(get().asked).toBe(2);
});
