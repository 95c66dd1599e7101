import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRandomHex } from '../../../src/domain/groups/random.ts'

test('random texts have the length asked for, and none comes twice', () => {
  const randomHex = createRandomHex()
  const texts = new Set<string>()
  for (let count = 0; count < 1_000; count++) {
    for (const bytes of [8, 16]) {
      const text = randomHex(bytes)
      assert.match(text, new RegExp(`^[0-9a-f]{${bytes * 2}}$`))
      assert.ok(!texts.has(text.slice(0, 16)), `${text} came before`)
      texts.add(text.slice(0, 16))
    }
  }
})

test('two sources give different texts', () => {
  assert.notEqual(createRandomHex()(16), createRandomHex()(16))
})
