import { expect, test } from 'vitest';
import { bcrypt, bcryptSalt, md5Crypt, md5Salt } from './password-hashes.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const never = (): undefined => undefined;

test('bcrypt hashes as PostgreSQL does', () => {
  expect(bcrypt(bytes('password'), '$2a$06$abcdefghijklmnopqrstuu', never)).toBe(
    '$2a$06$abcdefghijklmnopqrstuuNBpXtlux7FnXJE0fnrtkSXNhdOGmWHu',
  );
  expect(bcrypt(bytes(''), '$2a$04$abcdefghijklmnopqrstuu', never)).toBe(
    '$2a$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq',
  );
  expect(bcrypt(bytes('é'), '$2x$04$abcdefghijklmnopqrstuu', never)).toBe(
    '$2x$04$abcdefghijklmnopqrstuuJBkOrAeQ5MyvqBBs7V2uMqYxsK6WLhu',
  );
});

test('a password meets its own hash', () => {
  const salt = bcryptSalt(
    Uint8Array.from({ length: 16 }, (_, i) => i * 17),
    4,
  );
  const hash = bcrypt(bytes('secret'), salt, never) as string;
  expect(bcrypt(bytes('secret'), hash, never)).toBe(hash);
  expect(bcrypt(bytes('Secret'), hash, never)).not.toBe(hash);
});

test('others have their turns while a hash is computed', async () => {
  let turns = 0;
  const pause = async (): Promise<void> => void turns++;
  expect(await bcrypt(bytes('password'), '$2a$06$abcdefghijklmnopqrstuu', pause)).toContain('NBpXtlux7FnXJE0fnrtkSXNh');
  expect(turns).toBe(2);
});

test('salts that say nothing are refused', () => {
  for (const salt of ['$2a$03$abcdefghijklmnopqrstuu', '$2a$32$abcdefghijklmnopqrstuu', '$2a$04$abc']) {
    expect(() => bcrypt(bytes('x'), salt, never)).toThrow('invalid salt');
  }
});

test('the scheme of MD5 hashes as PostgreSQL does', () => {
  expect(md5Crypt(bytes('password'), '$1$abcdefgh')).toBe('$1$abcdefgh$G//4keteveJp0qb8z2DxG/');
  expect(md5Crypt(bytes('long'.repeat(30)), '$1$abcdefghijkl$zz')).toBe('$1$abcdefgh$N53GiDJf9saRr5mSuY5SC/');
  expect(md5Salt(new Uint8Array(8))).toBe('$1$........');
});
