import assert from 'node:assert';
import { describe, it, test } from 'node:test';

test('adds', () => {
  console.log('said by sums');
  assert.equal(1 + 1, 2);
});
test('fails', () => assert.equal(1, 2));
test('needs a network', { skip: 'no network' }, () => {});
test('will work', { todo: 'later' }, () => {
  throw new Error('not yet');
});
describe('suite', () => {
  it('inner', () => {});
  it('broken', () => {
    throw new Error('boo');
  });
});
