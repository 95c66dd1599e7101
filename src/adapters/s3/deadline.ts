import { SignatureV4MultiRegion } from '@aws-sdk/signature-v4-multi-region'
import type { Pluggable } from '@smithy/types'
import { StoreError } from '../../ports/errors.ts'
import { PUT_ACCEPTED_MS } from '../../ports/segment-store.ts'

/**
 * The deadline of a put (log §3.2).
 *
 * S3 refuses signatures older than 15 minutes. If every attempt at a put is signed with the time of its reservation, S3
 * itself refuses the put when the reservation is older than that, even if the process was paused in between. By default the
 * SDK signs with the current time, so the put of a process that was paused for an hour would be accepted.
 *
 * The SDK passes only the request to a signer. So the time is in a header of the request, which the signer removes before it
 * signs. The header is never sent.
 */
const RESERVED_AT = 'x-reserved-at-ms'

type Sign = SignatureV4MultiRegion['sign']
type Request = Parameters<Sign>[0]
type SigningOptions = NonNullable<Parameters<Sign>[1]>

/** Signs requests that have the time of a reservation with that time, and all others as usual. */
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
  // Replaces the date in `options`, which the SDK has corrected for a wrong clock.
  return [{ ...request, headers }, { ...options, signingDate: new Date(Number(reservedAt)) }]
}

/**
 * How far the counter's clock may be ahead of the store's. The store accepts a put for longer by this difference. If it were
 * more than five minutes, readers could pass over a range before the store refuses its put (log §4.3).
 */
const CLOCKS_APART_MAX_MS = 4 * 60_000

/** The store's clock, as known from its responses. The local clock is used only for the time elapsed since. */
export class StoreClock {
  #ahead: number | undefined

  /**
   * Records the time of a response. The difference of the clocks is computed with the time at which the request was sent. So
   * it is too large by at most the duration of the request, which makes refusals earlier, never later. A pause of the
   * process before it reads the response does not matter.
   */
  observeServerTime (serverTime: number, sentAt: number): void {
    this.#ahead = serverTime - sentAt
  }

  /** The store's time in ms; `undefined` before the first response. */
  now (): number | undefined {
    return this.#ahead === undefined ? undefined : Date.now() + this.#ahead
  }
}

/**
 * For one put: sets the date with which it is signed, and refuses to send it too late.
 *
 * S3 and MinIO refuse late puts themselves. Other compatible stores (LocalStack) do not check the age of a signature. For
 * them, this check immediately before sending is the best approximation: it fails only if the process is paused between
 * the check and the sending, or if the whole machine was stopped (log §7).
 */
export function deadlinePlugin<Input extends object, Output extends object> (
  reservedAt: number, clock: StoreClock
): Pluggable<Input, Output> {
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
          throw new StoreError('misconfigured', 'none', 'the clocks of the offset counter and the segment store are ' +
            `${reservedAt - now} ms apart: they must agree to ${CLOCKS_APART_MAX_MS} ms`)
        }
        return next(args)
      }, { step: 'finalizeRequest', priority: 'low', name: 'deadlineMiddleware' })
    }
  }
}

/** Has the name of S3's own error for this case, so that both are handled in the same way. */
class RequestTimeTooSkewed extends Error {
  override readonly name = 'RequestTimeTooSkewed'

  constructor (reservedAt: number) {
    super(`the reservation of ${new Date(reservedAt).toISOString()} is older than ${PUT_ACCEPTED_MS} ms by the store's clock`)
  }
}
