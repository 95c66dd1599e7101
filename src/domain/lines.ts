/**
 * Lines in one buffer, with a line feed after each but perhaps the last: the form in which segments are stored
 * (log §2.1). Where they end is looked up when somebody asks: most segments are read later, if at all.
 */
export class Lines {
  readonly bytes: Uint8Array
  #ends: Uint32Array | undefined

  constructor (bytes: Uint8Array) {
    this.bytes = bytes
  }

  get count (): number { return this.#all.length }

  /** Where line `i` begins in `bytes`; that of the one behind the last is where it would begin. */
  start (i: number): number { return i === 0 ? 0 : this.#all[i - 1]! + 1 }

  /** Where line `i` ends in `bytes`, its line feed not counted. */
  end (i: number): number { return this.#all[i]! }

  at (i: number): Uint8Array { return this.bytes.subarray(this.start(i), this.end(i)) }

  * [Symbol.iterator] (): Generator<Uint8Array> {
    for (let i = 0; i < this.count; i++) yield this.at(i)
  }

  get #all (): Uint32Array {
    this.#ends ??= lineEnds(this.bytes)
    return this.#ends
  }
}

function lineEnds (bytes: Uint8Array): Uint32Array {
  const ends: number[] = []
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0x0a, start)
    ends.push(end === -1 ? bytes.length : end)
    if (end === -1) break
    start = end + 1
  }
  return Uint32Array.from(ends)
}
