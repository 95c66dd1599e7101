import { StreamsClient } from '../../typescript/dist/index.js'

/**
 * What every runtime has to do, through a proxy that loses answers. It knows nothing of Node.
 * @param {string} url @param {string} name of the runtime, for its topics
 */
export async function scenario (url, name) {
  const client = new StreamsClient({ url, retry: { baseMs: 10, maxMs: 100 } })
  const topic = client.topic(name)
  const { offset } = await topic.append({ n: 0 }, { key: 'ü' })
  {
    const producer = topic.producer({ batchMessages: 50 })
    for (let n = 1; n < 1_000; n++) {
      await producer.ready
      producer.send({ n })
    }
    await producer.close()
  }
  const read = []
  for await (const { payload } of topic.read({ pageSize: 300 })) read.push(payload.n)
  const followed = []
  const stop = new AbortController()
  for await (const { payload } of topic.follow({ signal: stop.signal })) {
    if (followed.push(payload.n) === 999) await topic.append({ n: 1_000 })
    if (followed.length === 1_001) stop.abort()
  }
  const worked = new Set()
  const stopWork = new AbortController()
  await topic.group('workers').process(({ payload, offset }, { attempt }) => {
    if (offset === 7 && attempt === 1) throw new Error('once more')
    worked.add(payload.n)
    if (worked.size === 1_001) stopWork.abort()
    return offset < 10 ? { topic: `${name}-out`, payload } : undefined
  }, { signal: stopWork.signal, concurrency: 100, backoff: { baseMs: 10 } })
  const { end } = await client.topic(`${name}-out`).describe()
  const error = await topic.append(1, { expectedOffset: 1 }).catch(({ code, name, written }) => `${name} ${code} ${written}`)
  return { offset, inOrder: [read, followed].map((numbers) => numbers.filter((n, at) => n === at).length), worked: worked.size, end, error }
}
