import { StoreError, type StoreFailure } from '../../../src/ports/errors.ts'

/** What happens to a call: it is made, or not, and its answer arrives, or doesn't. */
export type Fault<Answer = unknown, Parameters extends readonly unknown[] = readonly unknown[]> =
  (call: () => Promise<Answer>, parameters: Parameters) => Promise<Answer>

type FaultOf<Method> = Method extends (...parameters: infer Parameters) => Promise<infer Answer> ? Fault<Answer, Parameters> : never

export type Faults<Port> = { [Method in keyof Port]?: FaultOf<Port[Method]> }

export function failing (failure: StoreFailure, effect: 'none' | 'unknown'): () => Promise<never> {
  return () => Promise.reject(new StoreError(failure, effect, `injected: ${failure}`, { cause: new Error('the cause of the fault') }))
}

/** The call is not made, and there is never an answer. */
export function hanging (): Promise<never> {
  return new Promise(() => {})
}

/** The call is made, and its answer is lost. */
export async function answerLost (call: () => Promise<unknown>): Promise<never> {
  await call()
  throw new StoreError('unavailable', 'unknown', 'injected: answer lost')
}

/** The port with faults in its methods. `faults` is read at each call, so that a test can break and mend at any time. */
export function withFaults<Port extends object> (port: Port, faults: Faults<Port>): Port {
  return new Proxy(port, {
    get (target, name: string & keyof Port) {
      const method = target[name] as (...parameters: unknown[]) => Promise<unknown>
      return (...parameters: unknown[]) => {
        const call = (): Promise<unknown> => method.apply(target, parameters)
        const fault = faults[name] as Fault | undefined
        return fault?.(call, parameters) ?? call()
      }
    }
  })
}
