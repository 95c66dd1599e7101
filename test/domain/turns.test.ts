import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turns } from '../../src/domain/turns.ts'

test('of all that wait one goes on at a time, in order', async () => {
  const log: string[] = []
  const turns = new Turns((callback) => {
    setImmediate(() => {
      log.push('input')
      callback()
    })
  })
  const work = async (name: string, slices: number): Promise<void> => {
    for (let i = 0; i < slices; i++) {
      await turns.next()
      log.push(name)
    }
  }
  await Promise.all([work('a', 3), work('b', 1), work('c', 2)])
  assert.deepEqual(log, ['a', 'b', 'c', 'a', 'c', 'a'].flatMap((name) => ['input', name]))
  await work('d', 1)
  assert.deepEqual(log.slice(-2), ['input', 'd'])
})
