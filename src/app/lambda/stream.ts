import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'

/**
 * Passes a request to the app, and the response to the response stream of an invocation: status and headers at once, the
 * body with back-pressure. Resolves when the response has been sent or its client has disconnected. Rejects when the
 * response has failed; Lambda's runtime then ends the stream with that error.
 *
 * `payloadAsStream` of @fastify/aws-lambda is not used. It does not notify the app when the response stream is destroyed, so
 * a live stream would continue during the next invocations. And the body is empty if its first byte is not there yet.
 */
export async function streamAnswer (app: FastifyInstance, request: InjectOptions, out: Writable): Promise<void> {
  const gone = new AbortController()
  const abort = (): void => { gone.abort() }
  out.on('error', abort).once('close', abort)
  try {
    const answer = await app.inject({ ...request, payloadAsStream: true, signal: gone.signal })
    const body = awslambda.HttpResponseStream.from(out, headOf(answer))
    // Status and headers are sent with the first write, and never with `end` alone.
    body.write('')
    await pipeline(answer.stream(), body, { end: false })
    body.end()
  } catch (error) {
    if (!gone.signal.aborted) throw error
  } finally {
    out.off('close', abort)
  }
}

/** Headers of the connection between Lambda and the client, which Lambda sets itself. */
const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding'])

function headOf ({ statusCode, headers }: LightMyRequestResponse): { statusCode: number, headers: Record<string, string> } {
  const own = Object.entries(headers).filter(([name, value]) => value !== undefined && !hopByHop.has(name))
  return { statusCode, headers: Object.fromEntries(own.map(([name, value]) => [name, String(value)])) }
}
