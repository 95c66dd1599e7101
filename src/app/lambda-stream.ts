import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'

/**
 * Hands a request to the app, and its answer to the response stream of an invocation: status and headers at once, the
 * body as it comes and as the stream takes it. Resolves when the answer is out or nobody is there to get it; rejects when
 * it broke off, and leaves it to Lambda's client to end the stream with that error.
 *
 * The `payloadAsStream` of @fastify/aws-lambda is not used: it does not tell the app when the response stream is
 * destroyed, so a live stream would go on into the next invocations, and it answers with an empty body where the first
 * byte is not there yet.
 */
export async function streamAnswer (app: FastifyInstance, request: InjectOptions, out: Writable): Promise<void> {
  const gone = new AbortController()
  const abort = (): void => { gone.abort() }
  out.on('error', abort).once('close', abort)
  try {
    const answer = await app.inject({ ...request, payloadAsStream: true, signal: gone.signal })
    const body = awslambda.HttpResponseStream.from(out, headOf(answer))
    // The head goes out with the first write, and with `end` alone it never would.
    body.write('')
    await pipeline(answer.stream(), body, { end: false })
    body.end()
  } catch (error) {
    if (!gone.signal.aborted) throw error
  } finally {
    out.off('close', abort)
  }
}

/** Of the connection between Lambda and the client, which is not ours to describe. */
const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding'])

function headOf ({ statusCode, headers }: LightMyRequestResponse): { statusCode: number, headers: Record<string, string> } {
  const own = Object.entries(headers).filter(([name, value]) => value !== undefined && !hopByHop.has(name))
  return { statusCode, headers: Object.fromEntries(own.map(([name, value]) => [name, String(value)])) }
}
