import { test, type TestContext } from 'node:test'
import { synthesize } from './support.ts'

// After a change that is meant: node --test --test-update-snapshots infra/test/templates.test.ts, and read the difference.

for (const front of ['http', 'rest', 'url']) {
  test(`the template of the API, front=${front}`, (t: TestContext) => { t.assert.snapshot(synthesize({ front }).api.toJSON()) })
}

test('the template of the data', (t: TestContext) => { t.assert.snapshot(synthesize().data!.toJSON()) })
