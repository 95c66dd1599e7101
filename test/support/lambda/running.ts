import type { TestContext } from 'node:test'
import { lambdaBridge, streamingBridge } from './bridge.ts'
import { functionUrlEvent, type Sent } from './events.ts'
import { startLambda, type LambdaRuntime, type RuntimeOptions } from './runtime.ts'

/** A function, and the URL of what invokes it. */
export type Running = LambdaRuntime & { readonly baseUrl: string }

export interface RunningOptions extends Omit<RuntimeOptions, 'handler'> {
  /** What is in front of the function; a function URL by default. */
  readonly toEvent?: (sent: Sent) => object
}

/** Answers come whole. */
export async function buffered (t: TestContext, { toEvent = functionUrlEvent, ...options }: RunningOptions = {}): Promise<Running> {
  const runtime = await startLambda(t, options)
  return { ...runtime, ...await lambdaBridge(t, async (event) => JSON.parse(await runtime.invoke(event)) as unknown, toEvent) }
}

/** Answers are streamed. */
export async function streaming (t: TestContext, { toEvent = functionUrlEvent, ...options }: RunningOptions = {}): Promise<Running> {
  const runtime = await startLambda(t, { ...options, handler: 'index.streamHandler' })
  return { ...runtime, ...await streamingBridge(t, runtime.invokeStreaming, toEvent) }
}
