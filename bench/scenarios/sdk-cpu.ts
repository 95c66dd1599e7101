import { randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { createDynamoClient, createDynamoOffsetCounter } from '../../src/adapters/dynamodb/offset-counter.ts'
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
  const counter = createDynamoOffsetCounter({ client, table: 'bench' })
  return {
    async call () { await counter.reserve('bench', 1, { now: Date.now() }) },
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
          UpdateExpression: 'SET #reserved_at = :now, #created_at = if_not_exists(#created_at, :now), #kind = :topic ADD ' +
            '#current_offset :count',
          ExpressionAttributeNames: {
            '#reserved_at': 'reserved_at',
            '#created_at': 'created_at',
            '#kind': 'kind',
            '#current_offset': 'current_offset'
          },
          ExpressionAttributeValues: { ':now': { N: String(Date.now()) }, ':topic': { S: 'topic' }, ':count': { N: '1' } },
          ReturnValues: 'UPDATED_NEW'
        })),
    close () { agent.destroy() }
  }
}
