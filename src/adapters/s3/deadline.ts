import { SignatureV4MultiRegion } from '@aws-sdk/signature-v4-multi-region'
import type { Pluggable } from '@smithy/types'
import { StoreError } from '../../ports/errors.ts'
import { PUT_ACCEPTED_MS } from '../../ports/segment-store.ts'

/**
 * The deadline of a put (log §3.2).
 *
 * S3 refuses a signature older than 15 minutes. A put that is signed with the time of its reservation, each time that it
 * is sent, is therefore refused by S3 itself once the reservation is older than that, whatever happened to the process
 * meanwhile. Left alone the SDK signs with the current time, and the put of a process that slept for an hour would be as
 * good as new.
 *
 * How the date gets there: the SDK hands a signer nothing but the request. So the date travels in a header of that
 * request, which the signer takes off before it signs. It is never sent.
 */
const RESERVED_AT = 'x-reserved-at-ms'

type Sign = SignatureV4MultiRegion['sign']
type Request = Parameters<Sign>[0]
type SigningOptions = NonNullable<Parameters<Sign>[1]>

/** Signs requests that carry a reservation's time with that time, all others as they come. */
export class DeadlineSigner extends SignatureV4MultiRegion {
  override async sign (request: Request, options: SigningOptions = {}): Promise<Request> {
    return super.sign(...pinned(request, options))
  }

  override async signWithCredentials (
    request: Request, credentials: Parameters<SignatureV4MultiRegion['signWithCredentials']>[1], options: SigningOptions = {}
  ): Promise<Request> {
    const [bare, dated] = pinned(request, options)
    return super.signWithCredentials(bare, credentials, dated)
  }
}

function pinned (request: Request, options: SigningOptions): [Request, SigningOptions] {
  const { [RESERVED_AT]: reservedAt, ...headers } = request.headers
  if (reservedAt === undefined) return [request, options]
  // The date given here wins over the one in `options`, which the SDK has corrected for a clock that is wrong.
  return [{ ...request, headers }, { ...options, signingDate: new Date(Number(reservedAt)) }]
}

/**
 * How far the counter's clock may be ahead of the store's. By as much longer the store takes a put, and with more than five
 * minutes that would be after readers have passed over its range as dead (log §4.3).
 */
const CLOCKS_APART_MAX_MS = 4 * 60_000

/** The store's clock as its answers tell it: what this machine's clock says never decides alone. */
export class StoreClock {
  #ahead: number | undefined

  /**
   * Takes the time of an answer in. The distance is measured from the moment of sending, so that it errs by the time the
   * answer took, and to the side of refusing early; a process that was frozen before it read the answer errs no more.
   */
  heard (serverTime: number, sentAt: number): void {
    this.#ahead = serverTime - sentAt
  }

  /** In ms; unknown until the first answer. */
  now (): number | undefined {
    return this.#ahead === undefined ? undefined : Date.now() + this.#ahead
  }
}

/**
 * For one put: sets the date that it is signed with, and refuses to send it when it is too late.
 *
 * S3 and MinIO would refuse those themselves; other compatible stores (LocalStack) do not look at the age of a signature.
 * For them this check, at the last moment before it is sent, is the nearest there is to the same promise: only a
 * process that is frozen between the check and the sending of the request gets past it.
 */
export function deadlinePlugin<Input extends object, Output extends object> (reservedAt: number, clock: StoreClock): Pluggable<Input, Output> {
  return {
    applyToStack (stack) {
      stack.add((next) => async (args) => {
        (args.request as Request).headers[RESERVED_AT] = String(reservedAt)
        return next(args)
      }, { step: 'build', name: 'reservedAtMiddleware' })
      stack.add((next) => async (args) => {
        const now = clock.now()
        if (now !== undefined && now - reservedAt > PUT_ACCEPTED_MS) throw new RequestTimeTooSkewed(reservedAt)
        if (now !== undefined && reservedAt - now > CLOCKS_APART_MAX_MS) {
          throw new StoreError('misconfigured', 'none', `the clocks of the offset counter and the segment store are ${reservedAt - now} ms apart: ` +
            `they must agree to ${CLOCKS_APART_MAX_MS} ms`)
        }
        return next(args)
      }, { step: 'finalizeRequest', priority: 'low', name: 'deadlineMiddleware' })
    }
  }
}

/** By the name under which S3 refuses the same, so that both are told in the same way. */
class RequestTimeTooSkewed extends Error {
  override readonly name = 'RequestTimeTooSkewed'

  constructor (reservedAt: number) {
    super(`the reservation of ${new Date(reservedAt).toISOString()} is older than ${PUT_ACCEPTED_MS} ms by the store's clock`)
  }
}
