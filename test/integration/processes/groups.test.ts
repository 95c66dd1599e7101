import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { GroupWorkload } from '../../support/processes/group-workload.ts'
import { startServer } from '../../support/processes/server.ts'
import { environmentOf, localstack, withoutLocalstack } from '../../support/storage/localstack.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const size = { messages: 10_000, keys: 500, poisonEvery: 1_000, workers: 8, limit: 50, leaseMs: 2_000 }

/** Kills workers one after the other, at moments that chance chooses, and `server` in between. */
async function withDeaths (t: TestContext, workload: GroupWorkload, killServer: () => Promise<void>): Promise<void> {
  await workload.start(t)
  for (const [w, share] of [0.1, 0.25, 0.4, 0.5].entries()) {
    await workload.progress(share * (0.7 + Math.random() * 0.3))
    workload.killWorker(w)
    if (w === 1) await killServer()
  }
  const { redelivered, lost } = await workload.check()
  t.diagnostic(`${redelivered} of ${size.messages} messages were delivered more than once; ${lost} leases were lost`)
  assert.ok(redelivered < size.messages / 10)
}

test('workers share a topic through two servers, and four workers and a server are killed', {
  skip: withoutLocalstack, timeout: 300_000
}, async (t) => {
  const environment = environmentOf(await localstack(t))
  const [one, other] = await Promise.all([startServer(t, environment), startServer(t, environment)])
  const workload = new GroupWorkload({ ...size, urls: [other.baseUrl, one.baseUrl] })
  await withDeaths(t, workload, async () => { one.child.kill('SIGKILL') })
})

test('workers share a topic of the embedded store, and four workers and the server are killed', { timeout: 300_000 }, async (t) => {
  const environment = { DATA_DIR: temporaryFolder(t) }
  const server = await startServer(t, environment)
  const workload = new GroupWorkload({ ...size, urls: [server.baseUrl] })
  await withDeaths(t, workload, async () => {
    server.child.kill('SIGKILL')
    await server.ended
    await startServer(t, { ...environment, PORT: new URL(server.baseUrl).port })
  })
})
