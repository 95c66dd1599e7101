import { isPassing } from '../../../src/ports/errors.ts'

/** Attempts at one call. */
const ATTEMPTS_MAX = 5

/** The port with every call repeated at once when its failure may pass, as the log does it. */
export function repeating<Port extends object> (port: Port): Port {
  return new Proxy(port, {
    get (target, name: string & keyof Port) {
      const method: unknown = target[name]
      // `await` asks for `then`.
      if (typeof method !== 'function') return method
      return async (...parameters: unknown[]) => {
        for (let attempt = 1; ; attempt++) {
          try {
            return await (method as (...parameters: unknown[]) => Promise<unknown>).apply(target, parameters)
          } catch (error) {
            if (attempt === ATTEMPTS_MAX || !isPassing(error)) throw error
          }
        }
      }
    }
  })
}
