import type { AppendOperation, ReadOperation } from './checker.ts'

type Operation = { readonly start: number, readonly end: number } & (
  | { readonly kind: 'append', readonly first: number, readonly messages: readonly string[] }
  | Pick<ReadOperation, 'kind' | 'from' | 'next' | 'messages'>
)

/** The model: a log that only grows. `floor` is below any offset that may still be given to a message. */
interface Model { readonly content: ReadonlyMap<number, string>, readonly floor: number }

/**
 * Is there one order of all operations, each at some moment between its start and its end, in which a plain log would
 * have given these answers? Wing and Gong's search with Lowe's memory of visited states, as in Porcupine.
 *
 * An append whose outcome is unknown may have happened at any time after its start, or never: one that a reader saw
 * has no end, one that nobody saw is left out. A read may stop early anywhere, but may not pass a message by.
 */
export function isLinearizable (appends: Iterable<AppendOperation>, reads: readonly ReadOperation[]): boolean {
  const operations: Operation[] = [...reads]
  for (const append of appends) {
    if (append.first === undefined) continue
    const messages = Array.from({ length: append.count }, (_, i) => `${append.id}.${i}`)
    operations.push({
      kind: 'append',
      start: append.start,
      end: append.outcome === 'acknowledged' ? append.end : Infinity,
      first: append.first,
      messages
    })
  }
  operations.sort((a, b) => a.start - b.start)
  const visited = new Set<string>()

  const search = (done: bigint, model: Model): boolean => {
    // Only an operation that started before every other pending one ended can come next.
    let horizon = Infinity
    const candidates: number[] = []
    for (let i = 0; i < operations.length; i++) {
      if ((done >> BigInt(i)) & 1n) continue
      if (operations[i]!.start > horizon) break
      candidates.push(i)
      horizon = Math.min(horizon, operations[i]!.end)
    }
    if (candidates.length === 0 || horizon === Infinity) return true
    for (const i of candidates) {
      if (operations[i]!.start > horizon) continue
      const next = step(model, operations[i]!)
      if (next === undefined) continue
      const state = `${done | (1n << BigInt(i))}/${next.floor}`
      if (visited.has(state)) continue
      visited.add(state)
      if (search(done | (1n << BigInt(i)), next)) return true
    }
    return false
  }
  return search(0n, { content: new Map(), floor: 1 })
}

/** The model after the operation, or `undefined` where a log could not have answered so. */
function step (model: Model, operation: Operation): Model | undefined {
  if (operation.kind === 'append') {
    if (operation.first < model.floor) return undefined
    const content = new Map(model.content)
    for (const [i, message] of operation.messages.entries()) content.set(operation.first + i, message)
    return { content, floor: operation.first + operation.messages.length }
  }
  let found = 0
  for (let offset = operation.from; offset < operation.next; offset++) {
    const message = model.content.get(offset)
    if (message === undefined) continue
    const answered = operation.messages[found++]
    if (answered === undefined || answered[0] !== offset || answered[1] !== message) return undefined
  }
  if (found !== operation.messages.length) return undefined
  // A page that got nowhere says nothing about the offsets below it.
  return operation.next === operation.from ? model : { content: model.content, floor: Math.max(model.floor, operation.next) }
}
