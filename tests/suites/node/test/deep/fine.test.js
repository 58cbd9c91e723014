import { test } from 'node:test';

test('one', () => {});
test('two', async (t) => {
  await t.test('half', () => {});
});
