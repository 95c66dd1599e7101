import { hash } from 'node:crypto'
import type { Offset } from '../../ports/units.ts'
import type { Lease } from './state.ts'

/** What the id of a lease says (groups §3.2). */
export interface LeaseId {
  /** Which life of the group it is of. */
  readonly life: string
  readonly seq: number
  readonly tag: string
  /** The first and the last of its messages. */
  readonly first: Offset
  readonly last: Offset
}

/** Tells the lives of a group apart without telling `gen`: 8 hexadecimal digits of its hash. */
export function lifeOf (gen: string): string {
  return sha256(Buffer.from(gen, 'hex')).toString('hex', 0, 4)
}

/** The tag of a lease, by which a repeated receive finds it. @param key of the request */
export function tagOf (gen: string, key: string): string {
  return sha256(Buffer.from(gen, 'hex'), Buffer.from(key)).toString('hex', 0, 8)
}

/** Where a key's messages wait for each other. Two keys in one bucket do so, too, which is rare and safe. */
export function bucketOf (gen: string, key: string): number {
  return sha256(Buffer.from(gen, 'hex'), Buffer.from(key)).readUIntBE(0, 3)
}

function sha256 (...parts: readonly Uint8Array[]): Buffer {
  return hash('sha256', Buffer.concat(parts), 'buffer')
}

/** life, seq, tag, first, last. */
const ID_BYTES = 4 + 8 + 8 + 8 + 8

export function encodeLeaseId (life: string, { seq, tag, runs }: Lease): string {
  const end = runs.at(-1)!
  const id = Buffer.alloc(ID_BYTES)
  id.write(life, 0, 'hex')
  id.writeBigUInt64BE(BigInt(seq), 4)
  id.write(tag, 12, 'hex')
  id.writeBigUInt64BE(BigInt(runs[0]!.first), 20)
  id.writeBigUInt64BE(BigInt(end.first + end.count - 1), 28)
  return id.toString('base64url')
}

/** @returns `undefined` if the text is not the id of a lease */
export function decodeLeaseId (text: string): LeaseId | undefined {
  const id = Buffer.from(text, 'base64url')
  if (id.length !== ID_BYTES || id.toString('base64url') !== text) return undefined
  const number = (at: number): number => Number(id.readBigUInt64BE(at))
  const [seq, first, last] = [number(4), number(20), number(28)]
  if (!Number.isSafeInteger(seq) || !Number.isSafeInteger(last) || first > last) return undefined
  return { life: id.toString('hex', 0, 4), seq, tag: id.toString('hex', 12, 20), first, last }
}
