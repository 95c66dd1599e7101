import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bareEnvironment, peakRssMiBOf, spawnNode, stopChild } from './children.ts'
import type { CpuShare } from './cpu-share.ts'

/** A function, as its settings have it. */
export interface LambdaFunction {
  /** The folder of its code. */
  readonly root: string
  /** Such as `index.handler`. */
  readonly handler: string
  readonly environment: Readonly<Record<string, string>>
}

/** What a process had used at an answer. Times are in ms. */
export interface Answer {
  readonly text: string
  /** Since the event was handed over; of the first event, since just before the process was started. */
  readonly ms: number
  /** User and system time of all threads since the start. */
  readonly cpuMs: number
  readonly peakMiB: number
}

/** Lambda's Runtime API, for one function at a time. It hands over an event and takes the answer; nothing else is between. */
export class LambdaRuntime {
  readonly #server: Server
  #idle: ServerResponse | undefined
  #event: string | undefined
  #answered: (answer: string) => void = () => {}
  #failed: (error: Error) => void = () => {}

  private constructor (server: Server) {
    this.#server = server
    server.on('request', (request, response) => {
      if (request.url!.endsWith('/next')) {
        this.#idle = response
        this.#dispatch()
        return
      }
      // Not only when the body has been read: an answer to the function would wake it.
      let text = ''
      request.setEncoding('utf8').on('data', (chunk: string) => { text += chunk }).on('end', () => {
        if (request.url!.endsWith('/response')) this.#answered(text)
        else this.#failed(new Error(text))
        response.writeHead(202).end()
      })
    })
  }

  static async open (): Promise<LambdaRuntime> {
    const server = createServer()
    const runtime = new LambdaRuntime(server)
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    return runtime
  }

  close (): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  /**
   * @param client the program that runs the function: AWS's, or one that does the same
   * @param events in this order, one at a time
   * @param share of the CPU; all of it by default
   */
  async run (
    client: string, { root, handler, environment }: LambdaFunction, events: readonly object[], share?: CpuShare
  ): Promise<Answer[]> {
    this.#idle = undefined
    const { port } = this.#server.address() as AddressInfo
    let start = performance.now()
    const child = spawnNode([client], {
      env: bareEnvironment({
        AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
        LAMBDA_TASK_ROOT: root,
        _HANDLER: handler,
        AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
        AWS_LAMBDA_FUNCTION_NAME: 'streams',
        AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '1024',
        AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/streams',
        AWS_LAMBDA_LOG_STREAM_NAME: '2026/01/31/[$LATEST]8b1c',
        ...environment
      }),
      stdio: ['ignore', 'ignore', 'inherit']
    })
    share?.add(child.pid!)
    const answers: Answer[] = []
    try {
      for (const event of events) {
        const answer = new Promise<string>((resolve, reject) => {
          this.#answered = resolve
          this.#failed = reject
          child.once('exit', (code) => { reject(new Error(`the function ended with ${code}`)) })
        })
        if (answers.length > 0) start = performance.now()
        this.#event = JSON.stringify(event)
        this.#dispatch()
        const text = await answer
        answers.push({ text, ms: performance.now() - start, cpuMs: cpuMsOf(child.pid!), peakMiB: peakRssMiBOf(child.pid!) })
        child.removeAllListeners('exit')
      }
      return answers
    } finally {
      await stopChild(child)
      // It may have asked for the next event already, which would then go to nobody.
      this.#server.closeAllConnections()
    }
  }

  #dispatch (): void {
    if (this.#idle === undefined || this.#event === undefined) return
    this.#idle.writeHead(200, {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': '6bc28136-0000-4365-b021-0ce6b2e64ab0',
      'lambda-runtime-deadline-ms': String(Date.now() + 30_000),
      'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:us-east-1:123456789012:function:streams'
    }).end(this.#event)
    this.#idle = this.#event = undefined
  }
}

/** Finer than the hundredths of a second in `stat`. */
function cpuMsOf (pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`)
  return tasks.reduce((sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e6, 0)
}
