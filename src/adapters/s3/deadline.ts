import { SignatureV4MultiRegion } from '@aws-sdk/signature-v4-multi-region'
import type { Pluggable } from '@smithy/types'
import { PUT_ACCEPTED_MS } from '../../ports/segment-store.ts'

/**
 * The deadline of a put (log §3.2).
 *
 * S3 refuses a signature older than 15 minutes. A put that is signed with the time of its reservation, in every attempt,
 * is therefore refused by S3 itself once the reservation is older than that, whatever happened to the process meanwhile.
 * Left alone the SDK signs each attempt with the current time, and the retry of a process that slept for an hour would be
 * as good as new.
 *
 * How the date gets there: the SDK hands a signer nothing but the request, and each attempt signs a fresh copy of the
 * same one. So the date travels in a header of that request, which the signer takes off before it signs. It is never sent.
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
  // A copy: the next attempt starts from the original and must find the date again. The date given here wins over the
  // one in `options`, which the SDK has corrected for a clock that is wrong.
  return [{ ...request, headers }, { ...options, signingDate: new Date(Number(reservedAt)) }]
}

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
 * For one put: sets the date that its attempts are signed with, and refuses attempts that come too late.
 *
 * S3 and MinIO would refuse those themselves; other compatible stores (LocalStack) do not look at the age of a signature.
 * For them this check, at the last moment before each attempt, is the nearest there is to the same promise: only a
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
