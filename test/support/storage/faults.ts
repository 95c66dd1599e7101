import { StoreError, type StoreFailure } from '../../../src/ports/errors.ts'

/** What happens to a call: it is made, or not, and its answer arrives, or doesn't. */
export type Fault = (call: () => Promise<unknown>, parameters: readonly unknown[]) => Promise<unknown>

export const failing = (failure: StoreFailure, effect: 'none' | 'unknown'): Fault =>
  () => Promise.reject(new StoreError(failure, effect, `injected: ${failure}`, { cause: new Error('the cause of the fault') }))

/** The call is not made, and there is never an answer. */
export const hanging: Fault = () => new Promise(() => {})

/** The call is made, and its answer is lost. */
export const answerLost: Fault = async (call) => {
  await call()
  throw new StoreError('unavailable', 'unknown', 'injected: answer lost')
}

export type Faults<Port> = { [Method in keyof Port]?: Fault }

/** The port with faults in its methods. `faults` is read at each call, so that a test can break and mend at any time. */
export function withFaults<Port extends object> (port: Port, faults: Faults<Port>): Port {
  return new Proxy(port, {
    get (target, name: string & keyof Port) {
      const method = target[name] as (...parameters: unknown[]) => Promise<unknown>
      return (...parameters: unknown[]) => {
        const call = (): Promise<unknown> => method.apply(target, parameters)
        return faults[name]?.(call, parameters) ?? call()
      }
    }
  })
}
