/** Of a range that is provisional: how many offsets, who puts it, and when it was reserved (s, as told by the store). */
export interface RangeOf {
  readonly count: number
  readonly writer: string
  readonly timeS: number
}

/** The text of `closing`: `[count, writer, timeS]`. */
export function encodeClosing ({ count, writer, timeS }: RangeOf): string {
  return JSON.stringify([count, writer, timeS])
}

export function decodeClosing (text: string): RangeOf {
  const [count, writer, timeS] = JSON.parse(text) as [number, string, number]
  return { count, writer, timeS }
}

/** The newest value of the string sequence, which holds if its range stands, and the one before, which holds if it is void. */
export interface OrderFact {
  readonly before: string | undefined
  /** `undefined`: it was found void, and there was none before. */
  readonly value: string | undefined
  /** Absent once the range is resolved. */
  readonly range: RangeOf | undefined
}

/** The text of `order`: `[before, value, count, writer, timeS]`, or `[null, value]` when it is resolved; `null` for none. */
export function encodeOrder ({ before, value, range }: OrderFact): string {
  return JSON.stringify(range === undefined ? [null, value ?? null] : [before ?? null, value, range.count, range.writer, range.timeS])
}

export function decodeOrder (text: string): OrderFact {
  const [before, value, count, writer, timeS] = JSON.parse(text) as [string | null, string | null, number?, string?, number?]
  const range = count === undefined || writer === undefined || timeS === undefined ? undefined : { count, writer, timeS }
  return { before: before ?? undefined, value: value ?? undefined, range }
}
