import assert from 'node:assert/strict'
import { functionUrlEvent, httpApiEvent, restEvent, type Sent } from '../support/lambda/events.ts'
import { buffered, streaming } from '../support/lambda/running.ts'
import { oneAtATime } from '../support/lambda/runtime.ts'
import { httpSuite, type Paths } from './http.suite.ts'

/** So many requests at a time in one process. test/integration/lambda has the same one at a time, frozen in between. */
const concurrency = 50

for (const [name, toEvent, paths] of [
  ['a REST API', (sent) => restEvent(sent), 'normalized'],
  ['an HTTP API', (sent) => httpApiEvent(sent, { base64: true }), 'decoded'],
  ['a function URL', functionUrlEvent, 'normalized']
] as const satisfies ReadonlyArray<readonly [string, (sent: Sent) => object, Paths]>) {
  httpSuite(`Lambda behind ${name}`, async (t) => {
    const running = await buffered(t, { toEvent, concurrency })
    t.after(() => { assert.deepEqual(running.errors, []) })
    return running
  }, { paths, buffered: true, skip: oneAtATime })
}

for (const [name, toEvent, contractOnly] of [
  ['a REST API', (sent) => restEvent(sent), true],
  ['a function URL', functionUrlEvent, false]
] as const satisfies ReadonlyArray<readonly [string, (sent: Sent) => object, boolean]>) {
  httpSuite(`Lambda behind ${name}, streaming`, async (t) => {
    const running = await streaming(t, { toEvent, concurrency })
    t.after(() => { assert.deepEqual(running.errors, []) })
    return running
  }, { paths: 'normalized', contractOnly, skip: oneAtATime })
}
