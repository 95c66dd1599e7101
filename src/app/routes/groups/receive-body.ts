import type { AckAnswer, ReceiveAnswer } from '../../../domain/groups/groups.ts'
import { LogError } from '../../../domain/errors.ts'
import type { LargeBody } from '../../http/answers/body-sender.ts'
import { toProblem } from '../../http/problem.ts'

const opening = Buffer.from('{"messages":[')
const comma = 0x2c

/** The body of an answer: the stored lines (log §2.3) are copied as they are. @param withAcks whether the request had `ack` */
export function receiveAnswerBody (answer: ReceiveAnswer, withAcks: boolean): LargeBody {
  const { lines } = answer
  const size = lines.reduce((sum, { length }) => sum + length + 1, 0)
  const make = (): Buffer => {
    const closing = Buffer.from(`],${JSON.stringify(restOf(answer, withAcks)).slice(1)}`)
    const body = Buffer.allocUnsafe(opening.length + Math.max(0, size - 1) + closing.length)
    body.set(opening)
    let at = opening.length
    for (const line of lines) {
      if (at > opening.length) body[at++] = comma
      body.set(line, at)
      at += line.length
    }
    body.set(closing, at)
    return body
  }
  return { size, make }
}

function restOf ({ lease, acked, committedOffset, lag, waitingFor, retryInMs }: ReceiveAnswer, withAcks: boolean): object {
  return {
    lease: lease === undefined
      ? null
      : { id: lease.id, expires_at: lease.expiresAt, expires_in_ms: lease.expiresInMs, redelivered: lease.redelivered },
    ...withAcks && { acked: acked.map((each) => each instanceof LogError ? toProblem(each) : ackedBody(each)) },
    committed_offset: committedOffset,
    lag,
    waiting_for: waitingFor,
    retry_in_ms: retryInMs
  }
}

export function ackedBody ({ acked, already, committedOffset }: AckAnswer) {
  return { acked, already, committed_offset: committedOffset }
}
