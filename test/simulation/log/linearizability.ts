import type { AppendOperation, ReadOperation } from './checker.ts'

interface Interval { readonly start: number, readonly end: number }

interface Offsets { readonly first: number, readonly count: number }

interface Closes {
  readonly close?: Interval
  /** The operations that were told that the topic is closed. */
  readonly told?: readonly Interval[]
}

/**
 * Is there one order of all operations, each at some moment between its start and its end, in which a plain log would have
 * given these answers (Herlihy and Wing 1990)?
 *
 * Offsets decide much of the order: a log gives them in ascending order, so the appends come in the order of their offsets, and
 * a read comes after the appends of its messages. What it passed by without a message never gets one. So nothing has to be
 * searched: whatever may come next, by this order and by real time, is taken, reads first, until nothing is left.
 *
 * An append whose outcome is unknown may have happened at any time after its start: one that somebody saw has no end, one
 * that nobody saw is left out. A read may stop early anywhere. A close comes after all appends, and whoever was told that the
 * topic is closed was told after it.
 */
export function isLinearizable (appends: Iterable<AppendOperation>, reads: readonly ReadOperation[], closes: Closes = {}): boolean {
  const log = [...appends].filter(({ first }) => first !== undefined).sort((a, b) => a.first! - b.first!)
    .map(({ id, first, count, start, end: answeredAt, outcome }) => {
      const end = outcome === 'acknowledged' ? answeredAt : Infinity
      return { id, first: first!, count, start, end }
    })
  const placeOf = new Map<string, number>()
  for (const [i, { id, first, count }] of log.entries()) {
    const before = log[i - 1]
    if (before !== undefined && before.first + before.count > first) return false
    for (let m = 0; m < count; m++) placeOf.set(`${first + m} ${id}.${m}`, i)
  }
  const { close, told = [] } = closes
  // Each comes after so many of the appends, and then of the close.
  const others: Array<Interval & { readonly after: number }> = told.map((operation) => ({ ...operation, after: log.length + 1 }))
  for (const read of reads) {
    const after = placesOf(read, placeOf, log)
    if (after === undefined) return false
    others.push({ start: read.start, end: read.end, after })
  }
  const chain: Interval[] = close === undefined ? log : [...log, close]
  return fitsRealTime(chain, others)
}

/** @returns after how many appends the read comes; `undefined` if no log would have answered so */
function placesOf (
  { from, next, messages }: ReadOperation, placeOf: ReadonlyMap<string, number>, log: readonly Offsets[]
): number | undefined {
  let after = 0
  for (const [offset, message] of messages) {
    const place = placeOf.get(`${offset} ${message}`)
    if (place === undefined) return undefined
    after = Math.max(after, place + 1)
  }
  let there = 0
  for (const { first, count } of log) there += Math.max(0, Math.min(next, first + count) - Math.max(from, first))
  return there === messages.length ? after : undefined
}

/** Takes what may come next until nothing is left: an operation that began before all others that are left ended. */
function fitsRealTime (chain: readonly Interval[], others: ReadonlyArray<Interval & { readonly after: number }>): boolean {
  let left = [...others]
  let done = 0
  for (;;) {
    const horizon = Math.min(...chain.slice(done).map(({ end }) => end), ...left.map(({ end }) => end))
    const before = left.length
    left = left.filter(({ start, after }) => after > done || start > horizon)
    if (left.length < before) continue
    const next = chain[done]
    if (next === undefined) return left.length === 0
    if (next.start > horizon) return false
    done++
  }
}
