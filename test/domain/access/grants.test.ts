import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allGrants, Grants, isGrant } from '../../../src/domain/access/grants.ts'

test('a grant is an action with a topic or a prefix', () => {
  const grants = ['produce:orders', 'consume:orders.*', 'groups:*', 'admin:a-b_c.D', 'metrics', `consume:${'a'.repeat(249)}`]
  for (const text of grants) assert.ok(isGrant(text), text)
  const others = [
    '', 'produce', 'produce:', 'produce:.', 'produce:..', 'produce:a*b', 'produce:*a', 'produce:**', 'produce:a b', 'produce:a,b',
    'Produce:a', 'write:a', 'metrics:*', 'produce:a\n', ' produce:a', 'produce:%2a', 'produce:a/b', 'produce:ä',
    `consume:${'a'.repeat(250)}`, `consume:${'a'.repeat(249)}*`
  ]
  for (const text of others) assert.ok(!isGrant(text), text)
})

test('a prefix matches what begins with it, and nothing else', () => {
  const grants = new Grants(['produce:orders.*', 'produce:payments'])
  for (const topic of ['orders.', 'orders.eu', 'orders.*', 'payments']) assert.ok(grants.may('produce', topic), topic)
  for (const topic of ['orders', 'orders2', 'ORDERS.eu', 'a.orders.eu', 'payments2', 'payment', 'PAYMENTS', '']) {
    assert.ok(!grants.may('produce', topic), topic)
  }
})

test('an action does not include another one', () => {
  const grants = new Grants(['admin:*'])
  assert.ok(grants.may('admin', 'a') && grants.mayOnAll('admin'))
  for (const action of ['produce', 'consume', 'groups'] as const) assert.ok(!grants.may(action, 'a') && !grants.mayOnAll(action))
  assert.ok(!grants.metrics)
})

test('a topic is visible with any action on it', () => {
  const grants = new Grants(['groups:jobs', 'consume:orders.*'])
  assert.ok(grants.sees('jobs') && grants.sees('orders.eu') && !grants.sees('orders') && !grants.seesAll)
  assert.ok(new Grants(['produce:*']).seesAll)
})

test('what is not a grant is ignored, so that a JWT may have scopes for others', () => {
  const grants = new Grants(['openid', 'consume', 'consume:a b', '*', 'constructor:*', '__proto__:*', 'consume:a'])
  assert.ok(grants.sees('a') && !grants.sees('b') && !grants.metrics)
  assert.ok(allGrants.metrics && allGrants.mayOnAll('admin') && allGrants.may('produce', 'x'))
})
