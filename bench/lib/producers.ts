import { post } from './load.ts'

/**
 * The idempotent appends of one message of a producer, from seq 0 on. The bytes of a request are changed in place for the next one, so
 * that this generator has hardly more work than with equal requests.
 * @param payload JSON
 */
export function producerRequests (topic: string, payload: string, id: string, epoch: number): () => Buffer {
  const requestOf = (seq: string): Buffer => post(`/topics/${topic}/produce`,
    `{"payload":${payload},"producer":{"id":"${id}","epoch":${epoch},"seq":${seq}}}`)
  let request: Buffer | undefined
  let digits = 1
  return () => {
    if (request === undefined) {
      request = requestOf('0')
      return request
    }
    const last = request.length - '}}'.length - 1
    let at = last
    while (at > last - digits && request[at] === nine) request[at--] = zero
    if (at > last - digits) request[at]!++
    else request = requestOf(`1${'0'.repeat(digits++)}`)
    return request
  }
}

const [zero, nine] = [0x30, 0x39]
