import type { Bytes } from '../../ports/units.ts'

interface Waiting { readonly bytes: Bytes, readonly go: () => void }

/** Bounds what is in flight at one time: calls, and bytes. What is larger than all bytes goes alone. First come, first served. */
export class Room {
  readonly #callsMax: number
  readonly #bytesMax: Bytes
  readonly #waiting: Waiting[] = []
  #calls = 0
  #bytes = 0

  constructor (callsMax: number, bytesMax: Bytes) {
    this.#callsMax = callsMax
    this.#bytesMax = bytesMax
  }

  async enter (bytes: Bytes): Promise<void> {
    if (this.#waiting.length === 0 && this.#hasRoomFor(bytes)) this.#take(bytes)
    else await new Promise<void>((resolve) => { this.#waiting.push({ bytes, go: resolve }) })
  }

  leave (bytes: Bytes): void {
    this.#calls--
    this.#bytes -= bytes
    while (this.#waiting.length > 0 && this.#hasRoomFor(this.#waiting[0]!.bytes)) {
      const { bytes: next, go } = this.#waiting.shift()!
      this.#take(next)
      go()
    }
  }

  #hasRoomFor (bytes: Bytes): boolean {
    return this.#calls === 0 || (this.#calls < this.#callsMax && this.#bytes + bytes <= this.#bytesMax)
  }

  #take (bytes: Bytes): void {
    this.#calls++
    this.#bytes += bytes
  }
}
