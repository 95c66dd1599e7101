/**
 * Lines in one buffer, each with a line feed after it (optional after the last one): the form in which segments are stored
 * (log §2.1). Line ends are searched on first use, since most segments are read later or never.
 */
export class Lines {
  readonly bytes: Uint8Array
  #ends: Uint32Array | undefined

  constructor (bytes: Uint8Array) {
    this.bytes = bytes
  }

  get count (): number { return this.#all.length }

  /** Position in `bytes` at which line `i` begins. With `i = count` it is where the next line would begin. */
  start (i: number): number { return i === 0 ? 0 : this.#all[i - 1]! + 1 }

  /** Position in `bytes` at which line `i` ends, without its line feed. */
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
