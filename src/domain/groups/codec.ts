import type { DeadBatch, DeadReason, GroupState, Lane, Lease, RetryRun, Run } from './state.ts'

/**
 * The state of a group as bytes (groups §2.1): a version, then varints (7 bits a byte, the lowest first). Offsets and times are
 * differences to the ones before them, most of which take a byte. What a member means is in state.ts.
 *
 *     state   version next next-committed seq soughtSeq deadSeq movedUntil redriven LIST(lease) LIST(retry) LIST(lane) LIST(batch)
 *     lease   seq-previous tag:8 ±expires TEXT(consumer) LIST(run)
 *     retry   run ±notBefore
 *     lane    bucket:3 ±from
 *     batch   reason TEXT(detail) LIST(run)
 *     run     ±first-(end of the run before) count attempt·4+expired·2+hasBucket bucket:3 if there is one
 *
 * LIST: the number of elements, and these. TEXT: 0 if there is none; otherwise 1 + the number of its bytes, and these. ±: zigzag.
 */
const VERSION = 1

/** Far above what the bounds of the state allow (groups §2.3), and far below what an item may have. */
const STATE_BYTES_MAX = 200 * 1024
/** Far above what the bounds allow, too: what is damaged must not let anybody count for hours. */
const MESSAGES_MAX = 100_000

const reasons: readonly DeadReason[] = ['max_attempts', 'rejected']

export function encodeState (state: GroupState): Uint8Array {
  const w = new Writer(state.next)
  w.number(VERSION)
  w.number(state.next)
  w.number(state.next - state.committed)
  for (const value of [state.seq, state.soughtSeq, state.deadSeq, state.movedUntil, state.redriven]) w.number(value)
  let seq = 0
  w.list(state.leases, (lease) => {
    w.number(lease.seq - seq)
    seq = lease.seq
    w.bytes(Buffer.from(lease.tag, 'hex'))
    w.time(lease.expires)
    w.text(lease.consumer)
    w.list(lease.runs, (run) => { w.run(run) })
  })
  w.list(state.retry, (run) => {
    w.run(run)
    w.time(run.notBefore)
  })
  w.list(state.lanes, ({ bucket, from }) => {
    w.bucket(bucket)
    w.offset(from)
  })
  w.list(state.dead, ({ reason, detail, runs }) => {
    w.number(reasons.indexOf(reason))
    w.text(detail)
    w.list(runs, (run) => { w.run(run) })
  })
  const bytes = w.written()
  if (bytes.length > STATE_BYTES_MAX) throw new Error(`the state of a group takes ${bytes.length} bytes, more than ${STATE_BYTES_MAX}`)
  return bytes
}

/** @throws Error if the bytes are not those of a state: then another program, or a newer version, has changed the item */
export function decodeState (bytes: Uint8Array): GroupState {
  if (bytes.length > STATE_BYTES_MAX) throw damaged(`${bytes.length} bytes, more than ${STATE_BYTES_MAX}`)
  const r = new Reader(bytes)
  const version = r.number()
  if (version !== VERSION) throw new Error(`state of a group: expected version ${VERSION}, got ${version}`)
  const next = r.start(r.number())
  const committed = next - r.number()
  if (committed < 1) throw damaged(`the committed offset is ${committed}`)
  const [seq, soughtSeq, deadSeq, movedUntil, redriven] = [r.number(), r.number(), r.number(), r.number(), r.number()]
  let leaseSeq = 0
  const leases = r.list((): Lease => {
    leaseSeq += r.number()
    return { seq: leaseSeq, tag: r.bytes(8).toString('hex'), expires: r.time(), consumer: r.text(), runs: r.list(() => r.run()) }
  })
  const retry = r.list((): RetryRun => ({ ...r.run(), notBefore: r.time() }))
  const lanes = r.list((): Lane => ({ bucket: r.bucket(), from: r.offset() }))
  const dead = r.list((): DeadBatch => ({ reason: r.reason(), detail: r.text(), runs: r.list(() => r.run()) }))
  r.end()
  return { next, committed, seq, soughtSeq, leases, retry, lanes, dead, deadSeq, movedUntil, redriven }
}

/** Differences are to the last time, and the last offset, that was written or read, of whatever list. */
class Previous {
  offset: number
  time = 0

  constructor (offset: number) {
    this.offset = offset
  }
}

class Writer {
  #buffer = Buffer.allocUnsafe(256)
  #at = 0
  readonly #previous: Previous

  /** @param offset to which the first one is the difference */
  constructor (offset: number) {
    this.#previous = new Previous(offset)
  }

  written (): Uint8Array {
    return this.#buffer.subarray(0, this.#at)
  }

  #room (bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe((this.#at + bytes) * 2)
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }

  /** @param value a whole number from 0 to 2^53 - 1 */
  number (value: number): void {
    this.#room(8)
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#buffer[this.#at++] = rest % 0x80 + 0x80
    this.#buffer[this.#at++] = rest
  }

  #signed (value: number): void {
    const zigzag = value < 0 ? -value * 2 - 1 : value * 2
    if (!Number.isSafeInteger(zigzag)) throw new Error(`state of a group: ${value} cannot be stored`)
    this.number(zigzag)
  }

  time (value: number): void {
    this.#signed(value - this.#previous.time)
    this.#previous.time = value
  }

  offset (value: number): void {
    this.#signed(value - this.#previous.offset)
    this.#previous.offset = value
  }

  bytes (bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#buffer.set(bytes, this.#at)
    this.#at += bytes.length
  }

  text (text: string | undefined): void {
    if (text === undefined) {
      this.number(0)
      return
    }
    const bytes = Buffer.from(text)
    this.number(1 + bytes.length)
    this.bytes(bytes)
  }

  bucket (bucket: number): void {
    this.#room(3)
    this.#at = this.#buffer.writeUIntBE(bucket, this.#at, 3)
  }

  list<T> (elements: readonly T[], write: (element: T) => void): void {
    this.number(elements.length)
    for (const element of elements) write(element)
  }

  run ({ first, count, attempt, expired, bucket }: Run): void {
    this.offset(first)
    this.#previous.offset = first + count
    this.number(count)
    this.number(attempt * 4 + (expired ? 2 : 0) + (bucket === undefined ? 0 : 1))
    if (bucket !== undefined) this.bucket(bucket)
  }
}

class Reader {
  readonly #bytes: Buffer
  #at = 0
  readonly #previous = new Previous(0)
  /** In all runs so far. */
  #messages = 0

  constructor (bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** @param offset to which the first one is the difference */
  start (offset: number): number {
    this.#previous.offset = offset
    return offset
  }

  end (): void {
    if (this.#at < this.#bytes.length) throw damaged(`${this.#bytes.length - this.#at} bytes more than expected`)
  }

  number (): number {
    let value = 0
    for (let weight = 1; ; weight *= 0x80) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw damaged('the end is missing')
      value += (byte & 0x7f) * weight
      if (!Number.isSafeInteger(value)) throw damaged(`a number is above 2^53 - 1 at ${this.#at}`)
      if (byte < 0x80) return value
    }
  }

  #signed (): number {
    const value = this.number()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  time (): number {
    this.#previous.time += this.#signed()
    if (!Number.isSafeInteger(this.#previous.time)) throw damaged(`a time is ${this.#previous.time}`)
    return this.#previous.time
  }

  offset (): number {
    this.#previous.offset += this.#signed()
    const { offset } = this.#previous
    if (offset < 1 || !Number.isSafeInteger(offset)) throw damaged(`an offset is ${offset}`)
    return offset
  }

  bytes (count: number): Buffer {
    if (this.#at + count > this.#bytes.length) throw damaged('the end is missing')
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }

  text (): string | undefined {
    const length = this.number()
    return length === 0 ? undefined : this.bytes(length - 1).toString()
  }

  bucket (): number {
    return this.bytes(3).readUIntBE(0, 3)
  }

  reason (): DeadReason {
    return reasons[this.number()] ?? damagedReason()
  }

  /** @param read reads an element, of at least one byte */
  list<T> (read: () => T): T[] {
    const length = this.number()
    if (length > this.#bytes.length) throw damaged(`a list of ${length} elements at ${this.#at}`)
    return Array.from({ length }, read)
  }

  run (): Run {
    const first = this.offset()
    const count = this.number()
    this.#messages += count
    if (count < 1 || this.#messages > MESSAGES_MAX) throw damaged(`a run of ${count} messages`)
    this.#previous.offset = first + count
    const flags = this.number()
    const run = { first, count, attempt: Math.floor(flags / 4), expired: flags % 4 >= 2 }
    return flags % 2 === 1 ? { ...run, bucket: this.bucket() } : run
  }
}

function damagedReason (): never {
  throw damaged('a reason that is none')
}

function damaged (text: string): Error {
  return new Error(`state of a group: ${text}`)
}
