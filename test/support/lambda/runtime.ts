import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isEmf } from './emf.ts'
import { functionFolder } from './function.ts'

/** AWS's own client, if the environment names the folder that it is installed in; else the one that stands in for it. */
const ric = process.env['LAMBDA_RIC'] ?? ''
const client = ric === '' ? fileURLToPath(new URL('runtime-loop.ts', import.meta.url)) : join(ric, 'index.mjs')

/** For the `skip` option of a test with `concurrency`: AWS's client works on each request in a thread of its own, with other data. */
export const oneAtATime: string | false = ric !== '' && 'LAMBDA_RIC'

export interface RuntimeOptions {
  /** As in the function's settings: the file without its extension, and the export; `index.handler` by default. */
  readonly handler?: string
  /** The function's timeout: the process is killed then, as Lambda does. */
  readonly timeoutMs?: number
  /** More than one: the process is never frozen, and gets other events while it works on one. */
  readonly concurrency?: number
  readonly environment?: Record<string, string>
  /** Of another build of the function. */
  readonly folder?: string
}

/** A process that runs the function, and what Lambda does with it: the Runtime API, the timeout, and the freeze. */
export interface LambdaRuntime {
  readonly child: ChildProcess
  /** Lines of standard output. */
  readonly lines: string[]
  /** Lines of metrics, which are not among the others. */
  readonly metricLines: string[]
  /** What went wrong in invocations, in words. */
  readonly errors: string[]
  /** How often the process was stopped after an answer. */
  readonly freezes: () => number
  /** @returns what the handler answered, as JSON */
  readonly invoke: (event: object) => Promise<string>
  /** @returns the answer as it begins; its body is the head, 8 zero bytes, and the bytes for the client */
  readonly invokeStreaming: (event: object) => Promise<IncomingMessage>
}

interface Invocation {
  readonly id: string
  readonly event: string
  readonly answer: (answer: IncomingMessage) => void
  readonly failed: (error: Error) => void
}

/** Starts the function that was built, zipped and unpacked. @throws Error what it says, if it does not start */
export async function startLambda (t: TestContext, options: RuntimeOptions = {}): Promise<LambdaRuntime> {
  const { handler = 'index.handler', timeoutMs = 30_000, concurrency = 1 } = options
  const folder = options.folder ?? await functionFolder()
  const errors: string[] = []
  const lines: string[] = []
  const metricLines: string[] = []
  const queue: Invocation[] = []
  const idle: ServerResponse[] = []
  const underway = new Map<string, Invocation & { timer: NodeJS.Timeout }>()
  let freezes = 0
  // A client that knows the length of its answer may be done before the answer's last bytes are posted, and its test over.
  let over = false
  t.after(() => { over = true })
  let began = (): void => {}
  let broke = (_error: Error): void => {}
  const ready = new Promise<void>((resolve, reject) => { began = resolve; broke = reject })

  const dispatch = (): void => {
    // All that the function has to do is done: from here to the next event it gets no CPU.
    if (queue.length === 0 && underway.size === 0 && concurrency === 1 && idle.length > 0) {
      child.kill('SIGSTOP')
      freezes++
    }
    while (queue.length > 0 && idle.length > 0) {
      const invocation = queue.shift()!
      child.kill('SIGCONT')
      const timer = setTimeout(() => { fail(invocation.id, 'Task timed out'); child.kill('SIGKILL') }, timeoutMs)
      underway.set(invocation.id, { ...invocation, timer })
      idle.shift()!.writeHead(200, {
        'content-type': 'application/json',
        'lambda-runtime-aws-request-id': invocation.id,
        'lambda-runtime-deadline-ms': String(Date.now() + timeoutMs),
        'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:us-east-2:123456789012:function:streams'
      }).end(invocation.event)
    }
  }
  const finish = (id: string): Invocation | undefined => {
    const invocation = underway.get(id)
    clearTimeout(invocation?.timer)
    underway.delete(id)
    return invocation
  }
  const fail = (id: string, reason: string): void => {
    if (!over) errors.push(reason)
    finish(id)?.failed(new Error(reason))
  }

  const { port } = await listen(t, (request, response) => {
    const [, id = '', what] = /^\/2018-06-01\/runtime\/(?:invocation\/)?([^/]+)(?:\/(\w+))?$/.exec(request.url!) ?? []
    if (id === 'next') {
      idle.push(response)
      began()
      dispatch()
      return
    }
    request.on('error', () => { fail(id, 'the answer broke off') }).on('end', () => {
      const error = request.trailers['lambda-runtime-function-error-type']
      if (error !== undefined) errors.push(error)
      finish(id)
      response.writeHead(202).end('{"status":"OK"}')
    })
    if (what === 'response') underway.get(id)?.answer(request)
    else {
      textOf(request).then((text) => {
        broke(new Error(text))
        fail(id, text)
      }, broke)
    }
  })
  const child = spawn(process.execPath, [client], {
    env: {
      ...environment(port, handler, folder),
      ...concurrency > 1 ? { AWS_LAMBDA_MAX_CONCURRENCY: String(concurrency) } : {},
      ...options.environment
    },
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit']
  })
  createInterface(child.stdout).on('line', (line) => { (isEmf(line) ? metricLines : lines).push(line) })
  const ended = once(child, 'close').then(([code]) => {
    broke(new Error(`the function ended with ${code}`))
    for (const id of underway.keys()) fail(id, 'Runtime exited')
  })
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
  })

  const invokeStreaming = (event: object): Promise<IncomingMessage> => new Promise((resolve, reject) => {
    queue.push({ id: randomUUID(), event: JSON.stringify(event), answer: resolve, failed: reject })
    dispatch()
  })
  await ready
  const invoke = async (event: object): Promise<string> => textOf(await invokeStreaming(event))
  return { child, lines, metricLines, errors, freezes: () => freezes, invokeStreaming, invoke }
}

function environment (port: number, handler: string, folder: string): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
    _HANDLER: handler,
    LAMBDA_TASK_ROOT: folder,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: 'streams',
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
    AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/streams',
    AWS_LAMBDA_LOG_STREAM_NAME: '2024/03/10/[$LATEST]8b1cxmpl',
    DATA_DIR: ':memory:',
    AUTH: 'none'
  }
}

async function textOf (message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

export async function listen (t: TestContext, listener: RequestListener): Promise<{ port: number }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port }
}
