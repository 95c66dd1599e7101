import type { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { LogError } from '../../../domain/errors.ts'
import type { Limits } from '../../../domain/limits.ts'
import { LoopShare } from '../bounds/loop-share.ts'
import { serverBusy } from '../bounds/memory-budget.ts'

/**
 * Receives a body of at most `requestBytesMax`. Each chunk is added to the request's hold when it arrives: Fastify's own
 * function has no limit for all connections together.
 * @param done called once, with the body, with a LogError (`body_too_large`, `server_busy`, `malformed_request`), or with
 *   an error of the connection
 */
export type ReceiveBody = (request: FastifyRequest, payload: Readable, done: (error: Error | null, body?: Buffer) => void) => void

export function createBodyReceiver (
  { requestBytesMax, copiedPerTurnBytes }: Pick<Limits, 'requestBytesMax' | 'copiedPerTurnBytes'>
): ReceiveBody {
  /** Without this limit, libuv would read up to 2 MiB from every connection in one turn. */
  const received = new LoopShare(copiedPerTurnBytes)

  return (request, payload, done) => {
    const { hold } = request
    const announced = request.headers['content-length']
    if (announced !== undefined && Number(announced) > requestBytesMax) {
      done(tooLarge(requestBytesMax))
      return
    }
    const chunks: Buffer[] = []
    let length = 0
    let finished = false
    const finish = (error: Error | null): void => {
      if (finished) return
      finished = true
      hold.clientDone()
      if (error === null) {
        // Node hands over copies: no other request writes to them.
        done(null, chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length))
        return
      }
      payload.off('data', take)
      done(error)
    }
    const take = (chunk: Buffer): void => {
      length += chunk.length
      if (length > requestBytesMax) {
        finish(tooLarge(requestBytesMax))
        return
      }
      chunks.push(chunk)
      received.spend(chunk.length)
      if (hold.tryAdd(chunk.length)) {
        if (!received.hasRoom) {
          payload.pause()
          setImmediate(() => { payload.resume() })
        }
        return
      }
      payload.pause()
      hold.clientDone()
      hold.add(chunk.length).then(() => {
        hold.awaitClient(tooSlow)
        payload.resume()
      }, finish)
    }
    const end = (): void => {
      if (announced === undefined || Number(announced) === length) finish(null)
      else finish(new LogError('malformed_request', 'content-length: expected the length of the body, got another'))
    }
    const tooSlow = (): void => { finish(serverBusy()) }
    hold.awaitClient(tooSlow)
    payload.on('data', take).on('end', end).on('error', finish).resume()
  }
}

function tooLarge (bytesMax: number): LogError {
  return new LogError('body_too_large', `body: expected at most ${bytesMax} bytes, got more`)
}
