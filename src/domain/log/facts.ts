/** The range on which a provisional fact depends. Its last offset is the fact's version. */
export interface RangeOf {
  /** Offsets in the range. */
  readonly count: number
  readonly writer: string
  /** When it was reserved, by the store's clock, seconds. */
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

/** The newest value of the string sequence, valid if its range stands, and the value before, valid if the range is void. */
export interface OrderFact {
  readonly before: string | undefined
  /** `undefined` if the range of the first value was found void. */
  readonly value: string | undefined
  /** Absent once the range is resolved. */
  readonly range: RangeOf | undefined
}

/** The text of `order`: `[before, value, count, writer, timeS]`; once resolved, `[null, value]`. `null` stands for no value. */
export function encodeOrder ({ before, value, range }: OrderFact): string {
  return JSON.stringify(range === undefined ? [null, value ?? null] : [before ?? null, value, range.count, range.writer, range.timeS])
}

export function decodeOrder (text: string): OrderFact {
  const [before, value, count, writer, timeS] = JSON.parse(text) as [string | null, string | null, number?, string?, number?]
  const range = count === undefined || writer === undefined || timeS === undefined ? undefined : { count, writer, timeS }
  return { before: before ?? undefined, value: value ?? undefined, range }
}
