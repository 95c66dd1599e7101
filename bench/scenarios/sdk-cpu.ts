import { randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { createDynamoClient } from '../../src/adapters/dynamodb/client.ts'
import { createDynamoTopicStore } from '../../src/adapters/dynamodb/topic-store.ts'
import { createS3SegmentStore } from '../../src/adapters/s3/segment-store.ts'
import type { Server } from '../lib/children.ts'
import type { Options } from '../lib/options.ts'
import { number, rawOf, rowsOf, show, type ScenarioResult } from '../lib/report.ts'
import { interleaved, over } from '../lib/rounds.ts'
import { credentials, HandSigner, region } from '../lib/sign-by-hand.ts'
import { trivialAws } from '../subjects/index.ts'
import { withServer } from '../subjects/subject.ts'
import type { Scenario } from './scenario.ts'

const bodyBytes = 10_240
const atOnce = 4

interface Caller { call (): Promise<void>, close (): void }
interface Way { readonly name: string, open (server: Server): Caller }
interface Cost { readonly cpuMillis: number, readonly latencyMillis: number }

const ways: readonly Way[] = [
  { name: 'PutObject, our adapter (SDK)', open: sdkPut },
  { name: 'PutObject, signed and sent by hand', open: (server) => byHand(server, 's3') },
  { name: 'UpdateItem, our adapter (SDK)', open: sdkUpdate },
  { name: 'UpdateItem, signed and sent by hand', open: (server) => byHand(server, 'dynamodb') }
]

export const sdkCpu: Scenario = {
  name: 'sdk-cpu',
  title: 'CPU cost of an AWS call in the client',
  async run (options: Options): Promise<ScenarioResult> {
    const outcomes = await interleaved(options.rounds, ways,
      (way) => withServer(trivialAws, options, (server) => measure(server, way, options)))
    const cpu = (index: number): number => over(outcomes.get(ways[index]!)!.results, ({ cpuMillis }) => cpuMillis)?.median ?? NaN
    return {
      notes: [
        'CPU is user and system time of the calling process. The server is another process that answers at once and stores nothing. ' +
        `${atOnce} calls at a time on keep-alive connections, plain HTTP; the object has ${bodyBytes} bytes.`,
        'By hand: Signature Version 4 with node:crypto, sent with node:http; only the status of the response is checked. No retries, ' +
        'typed errors or clock correction.',
        `An append makes one call of each kind: ${number(cpu(0) + cpu(2))} ms of CPU through the SDK, ${number(cpu(1) + cpu(3))} ms by ` +
        'hand.'
      ],
      tables: [{
        columns: ['', 'CPU ms a call', 'ms from call to response'],
        ...rowsOf(outcomes, (results) => [
          show(over(results, ({ cpuMillis }) => cpuMillis)), show(over(results, ({ latencyMillis }) => latencyMillis))
        ])
      }],
      figures: [],
      raw: rawOf(outcomes)
    }
  }
}

async function measure (server: Server, way: Way, { warmupSeconds, seconds }: Options): Promise<Cost> {
  const caller = way.open(server)
  const callFor = async (duration: number): Promise<number> => {
    const end = performance.now() + duration * 1000
    const counts = await Promise.all(Array.from({ length: atOnce }, async () => {
      let calls = 0
      for (; performance.now() < end; calls++) await caller.call()
      return calls
    }))
    return counts.reduce((sum, count) => sum + count)
  }
  try {
    await callFor(warmupSeconds)
    const before = process.cpuUsage()
    const start = performance.now()
    const calls = await callFor(seconds)
    const elapsed = performance.now() - start
    const { user, system } = process.cpuUsage(before)
    return { cpuMillis: (user + system) / 1000 / calls, latencyMillis: elapsed * atOnce / calls }
  } finally {
    caller.close()
  }
}

function reach (server: Server) {
  return { endpoint: `http://127.0.0.1:${server.port}`, region, credentials }
}

function sdkPut (server: Server): Caller {
  const store = createS3SegmentStore({ ...reach(server), bucket: 'bench' })
  const object = { body: randomBytes(bodyBytes), contentType: 'application/json', metadata: { first: '1', writer: 'bench' } }
  let last = 0
  return {
    async call () { await store.putIfAbsent('bench', ++last, object, { reservedAtMs: Date.now() }) },
    close () { store.close() }
  }
}

function sdkUpdate (server: Server): Caller {
  const client = createDynamoClient(reach(server))
  const topics = createDynamoTopicStore({ client, table: 'bench' })
  return {
    async call () { await topics.reserve('bench', { count: 1 }, { closed: null, closing: null, config: null }, { now: Date.now() }) },
    close () { client.destroy() }
  }
}

function byHand (server: Server, service: 's3' | 'dynamodb'): Caller {
  const agent = new Agent({ keepAlive: true })
  const signer = new HandSigner(service)
  const host = `127.0.0.1:${server.port}`
  const object = randomBytes(bodyBytes)
  let last = 0
  const send = (method: string, path: string, headers: Record<string, string>, body: Uint8Array | string): Promise<void> => {
    return new Promise((resolve, reject) => {
      const length = String(Buffer.byteLength(body))
      request({
        agent,
        host: '127.0.0.1',
        port: server.port,
        method,
        path,
        headers: { ...signer.sign(method, path, { host, ...headers }, body), 'content-length': length }
      }, (answer) => {
        answer.on('error', reject).on('data', () => {}).on('end', () => {
          if (answer.statusCode === 200) resolve()
          else reject(new Error(`answered with ${answer.statusCode}`))
        })
      }).on('error', reject).end(body)
    })
  }
  return {
    call: service === 's3'
      ? () => send('PUT', `/bench/topics/bench/${String(++last).padStart(20, '0')}.json`,
          { 'content-type': 'application/json', 'if-none-match': '*', 'x-amz-meta-first': '1', 'x-amz-meta-writer': 'bench' }, object)
      : () => send('POST', '/', {
          'content-type': 'application/x-amz-json-1.0',
          'x-amz-target': 'DynamoDB_20120810.UpdateItem'
        }, JSON.stringify({
          TableName: 'bench',
          Key: { pk: { S: 'bench' } },
          UpdateExpression: 'SET #a0=if_not_exists(#a0,:v0)+:v1,#a1=if_not_exists(#a1,:v2),#a2=:v3,#a3=:v2',
          ConditionExpression: 'attribute_not_exists(#a4) AND attribute_not_exists(#a5) AND attribute_not_exists(#a6)',
          ExpressionAttributeNames: {
            '#a0': 'current_offset',
            '#a1': 'created_at',
            '#a2': 'kind',
            '#a3': 'reserved_at',
            '#a4': 'closed',
            '#a5': 'closing',
            '#a6': 'config'
          },
          ExpressionAttributeValues: {
            ':v0': { N: '0' }, ':v1': { N: '1' }, ':v2': { N: String(Date.now()) }, ':v3': { S: 'topic' }
          },
          ReturnValues: 'ALL_NEW',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD'
        })),
    close () { agent.destroy() }
  }
}
