/*
 * What AWS's runtime interface client does in the process of a function, run with the same environment: it loads the
 * handler, and then asks for an event, calls the handler, and posts the answer, over and over. It stands in for that
 * client (npm: aws-lambda-ric), which builds a C++ library when it is installed and so cannot be a dependency here; with
 * LAMBDA_RIC it is run instead (see lambda-runtime.ts). Written after version 4.0.2: the way to find a handler's file, the
 * response stream that is no stream of Node's but has the methods of one, the head that goes out with the first write.
 */
import { existsSync } from 'node:fs'
import { Agent, request as httpRequest, type ClientRequest, type IncomingHttpHeaders } from 'node:http'
import { basename, dirname, resolve } from 'node:path'

type Function = (...args: unknown[]) => unknown
interface Invocation { event: unknown, context: { awsRequestId: string } }

const streamingMark = Symbol.for('aws.lambda.runtime.handler.streaming')
const { AWS_LAMBDA_RUNTIME_API: api = '', _HANDLER: name = '', LAMBDA_TASK_ROOT: root = '' } = process.env
const agent = new Agent({ keepAlive: true })
const separatorBytes = 8

const at = (path: string, method: string, headers: Record<string, string | string[]>): ClientRequest => {
  const [hostname, port] = api.split(':')
  return httpRequest({ hostname, port, agent, method, headers, path: `/2018-06-01/runtime/${path}` })
}

function answerTo (request: ClientRequest): Promise<{ headers: IncomingHttpHeaders, text: string }> {
  return new Promise((resolve, reject) => {
    request.on('error', reject).on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk }).on('error', reject)
      response.on('end', () => { resolve({ headers: response.headers, text }) })
    })
  })
}

function call (path: string, method = 'GET', value?: unknown, headers: Record<string, string> = {}): ReturnType<typeof answerTo> {
  const body = value === undefined ? undefined : Buffer.from(JSON.stringify(value))
  const request = at(path, method, {
    ...headers,
    ...body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(body.length) }
  })
  const answer = answerTo(request)
  request.end(body)
  return answer
}

/** @throws if there is no such file: TypeScript files are not looked for */
async function load (): Promise<Function> {
  const [, moduleName = '', handlerName = ''] = /^([^.]*)\.(.*)$/.exec(basename(name)) ?? []
  const file = ['', '.js', '.mjs', '.cjs'].map((extension) => resolve(root, dirname(name), moduleName) + extension).find(existsSync)
  if (file === undefined) throw new Error(`Cannot find module '${moduleName}'`)
  const handler = (await import(file) as Record<string, Function | undefined>)[handlerName]
  if (handler === undefined) throw new Error(`${name} is undefined or not exported`)
  if (handler.length >= 3 && !(streamingMark in handler)) {
    throw new Error('AWS Lambda has removed support for callback-based function handlers')
  }
  return handler
}

async function next (): Promise<Invocation> {
  const { headers, text } = await call('invocation/next')
  const deadline = Number(headers['lambda-runtime-deadline-ms'])
  const context = {
    awsRequestId: String(headers['lambda-runtime-aws-request-id']),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    functionName: process.env['AWS_LAMBDA_FUNCTION_NAME'],
    getRemainingTimeInMillis: () => deadline - Date.now()
  }
  return { event: JSON.parse(text), context }
}

const formatted = (error: unknown): { errorType: string, errorMessage: string } =>
  error instanceof Error ? { errorType: error.name, errorMessage: error.message } : { errorType: typeof error, errorMessage: String(error) }

async function buffered (handler: Function, { event, context }: Invocation): Promise<void> {
  const path = `invocation/${context.awsRequestId}`
  try {
    const answer = await handler(event, context)
    await call(`${path}/response`, 'POST', answer ?? null)
  } catch (error) {
    await call(`${path}/error`, 'POST', formatted(error))
  }
}

const methods = [
  'cork', 'uncork', 'write', 'end', 'destroy', 'on', 'once', 'off', 'emit', 'addListener', 'prependListener', 'prependOnceListener',
  'removeListener',
  'removeAllListeners', 'listeners', 'listenerCount', 'eventNames', 'setMaxListeners', 'getMaxListeners'
] as const
const properties = [
  'destroyed', 'writable', 'writableEnded', 'writableFinished', 'writableNeedDrain', 'writableHighWaterMark', 'writableLength',
  'writableCorked',
  'writableObjectMode'
] as const

interface ResponseStream {
  writableFinished: boolean
  setContentType: (type: string) => void
  beforeFirstWrite?: (write: (chunk: string | Uint8Array) => unknown) => void
}

function responseStream (request: ClientRequest): ResponseStream {
  const stream = { setContentType: (type: string) => { request.setHeader('Content-Type', type) } } as ResponseStream
  const write = request.write.bind(request)
  let written = false
  request.write = (...args: unknown[]) => {
    if (!written) stream.beforeFirstWrite?.(write)
    written = true
    return (write as Function)(...args) as boolean
  }
  for (const method of methods) Object.assign(stream, { [method]: (request[method] as Function).bind(request) })
  for (const property of properties) Object.defineProperty(stream, property, { get: () => request[property] })
  return stream
}

async function streamed (handler: Function, { event, context }: Invocation): Promise<void> {
  const request = at(`invocation/${context.awsRequestId}/response`, 'POST', {
    'Lambda-Runtime-Function-Response-Mode': 'streaming',
    Trailer: ['Lambda-Runtime-Function-Error-Type', 'Lambda-Runtime-Function-Error-Body'],
    'Content-Type': 'application/octet-stream',
    'Transfer-Encoding': 'chunked'
  })
  const taken = answerTo(request)
  const stream = responseStream(request)
  try {
    await handler(event, stream, context)
    await taken
    if (!stream.writableFinished) throw new Error('Response stream is not finished.')
  } catch (error) {
    const failure = formatted(error)
    request.addTrailers({
      'Lambda-Runtime-Function-Error-Type': failure.errorType,
      'Lambda-Runtime-Function-Error-Body': Buffer.from(JSON.stringify(failure)).toString('base64')
    })
    request.end()
    await taken
  }
}

Object.assign(globalThis, {
  awslambda: {
    streamifyResponse: (handler: Function) => Object.assign(handler, { [streamingMark]: 'response' }),
    HttpResponseStream: {
      from (stream: ResponseStream, head: unknown) {
        stream.setContentType('application/vnd.awslambda.http-integration-response')
        stream.beforeFirstWrite = (write) => {
          write(JSON.stringify(head))
          write(new Uint8Array(separatorBytes))
        }
        return stream
      }
    }
  }
})

try {
  const handler = await load()
  const answer = streamingMark in handler ? streamed : buffered
  const loop = async (): Promise<never> => {
    for (;;) await answer(handler, await next())
  }
  // More than one at a time is what AWS calls Managed Instances.
  await Promise.all(Array.from({ length: Number(process.env['AWS_LAMBDA_MAX_CONCURRENCY'] ?? 1) }, loop))
} catch (error) {
  await call('init/error', 'POST', formatted(error))
  throw error
}
