import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusal, seq } from '../../../support/appends.ts'
import { testLog } from '../../../support/test-log.ts'

const sliceChars = 1_000
const list = Array.from({ length: 1_000 }, (_, n) => ({ payload: JSON.stringify(`message ${n} é😀`) }))

/** The fewest turns in which so many messages can be gone through. */
const turnsOf = (messages: readonly { payload: string }[]): number => (
  messages.reduce((chars, { payload }) => chars + payload.length, 0) / (2 * sliceChars))

for (const [name, conditions] of [['an idempotency key', { key: 'k' }], ['a producer', seq(0)]] as const) {
  test(`a large append with ${name} and its repeats leave other requests their turns`, async (t) => {
    const { log, other, clock } = testLog(t, { limits: { sliceChars } })
    let turns = 0
    const { afterCurrentInput } = clock
    Object.assign(clock, { afterCurrentInput: (callback: () => void) => { turns++; afterCurrentInput(callback) } })
    const first = await log.append('t', list, conditions)
    for (const process of [log, other]) {
      turns = 0
      assert.deepEqual(await process.append('t', list, conditions), { ...first, duplicate: true })
      assert.ok(turns >= turnsOf(list), `${turns} turns`)
    }
  })

  test(`a large append with ${name} is not taken for one that differs anywhere`, async (t) => {
    const { log } = testLog(t, { limits: { sliceChars } })
    await log.append('t', list, conditions)
    for (const at of [0, 1, 499, 500, 998, 999]) {
      for (const payload of ['""', list[at]!.payload.replace('é', 'è'), list[at]!.payload.replace('😀', '😁')]) {
        const { code } = await refusal(log.append('t', list.with(at, { payload }), conditions)) as { code: string }
        assert.equal(code, 'idempotency_conflict', `message ${at}: ${payload}`)
      }
    }
    const moved = [...list.slice(0, 998), { payload: list[998]!.payload + ' ' }, list[999]!]
    assert.equal((await refusal(log.append('t', moved, conditions)) as { code: string }).code, 'idempotency_conflict')
    assert.equal((await log.append('t', list, conditions)).duplicate, true)
  })
}
