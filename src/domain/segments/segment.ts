import { isUtf8 } from 'node:buffer'
import { promisify } from 'node:util'
import { crc32, gunzipSync, gzip, gzipSync, zstdCompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { SegmentObject } from '../../ports/segment-store.ts'
import type { Bytes, Ms, Offset } from '../../ports/units.ts'
import { LogError } from '../errors.ts'
import type { Turns } from '../turns.ts'
import { onOneLine } from './json-scanner.ts'
import { Lines } from './lines.ts'
import { encodeMessage, lineStart, linePieces, type NewMessage } from './message.ts'

/*
 * The object of a segment (log §2.1):
 *
 *   one message   application/json       LINE
 *   a batch       application/x-ndjson   LINE "\n" LINE "\n" … LINE "\n"
 *   a seal        application/json       {"offset":N,"sealed_from":F}
 *
 * Metadata: first, count, writer, crc32 (of the body before compression, 8 hex digits), and closed (true; absent otherwise), or
 * sealed (hole | range).
 * An object without `crc32` was written by another implementation; every line of it is parsed and checked before any is used.
 */

export type Compression = 'none' | 'gzip' | 'zstd'

/** A decoded object, which covers the offsets `first … last`. */
export type Segment = MessageSegment | Seal

export interface Seal {
  readonly kind: 'seal'
  readonly sealed: 'hole' | 'range'
  readonly first: Offset
  readonly last: Offset
  readonly writer: string | undefined
  readonly bytes: Bytes
}

export interface MessageSegment {
  readonly kind: 'messages'
  readonly first: Offset
  readonly last: Offset
  readonly writer: string | undefined
  /** The stored lines; line `i` is the message at `first + i`. */
  readonly lines: Lines
  /** Total length of the lines, line feeds included. */
  readonly bytes: Bytes
  /** The stored body if it is compressed, so that it can be sent in that form. */
  readonly stored?: StoredBody | undefined
}

/** A compressed body. Decompressed, it is the line of a single message, or all lines of a batch, each with its "\n". */
export interface StoredBody {
  readonly encoding: 'gzip' | 'zstd'
  readonly body: Uint8Array
}

export interface EncodeOptions {
  readonly first: Offset
  readonly timestamp: Ms
  readonly writer: string
  /** The metadata `closed` tells other implementations that nothing follows (log §6.8). */
  readonly closes?: boolean
  readonly compression: Compression
  /** Bodies up to this many bytes are not compressed. */
  readonly compressOverBytes: Bytes
}

export interface EncodedSegment {
  /** The object to store. */
  readonly object: SegmentObject
  /** The result of decoding the object. */
  readonly segment: MessageSegment
}

/** Whether the messages have more than `chars` characters in total, so that `encodeLargeSegment` should be used. */
export function isLarge (messages: readonly NewMessage[], chars: number): boolean {
  let size = 0
  for (const { payload, key = '', headers = '' } of messages) size += payload.length + key.length + headers.length
  return size > chars
}

/** Encodes a segment at once. For messages that are not large (see `isLarge`). */
export function encodeSegment (messages: readonly NewMessage[], options: EncodeOptions): EncodedSegment {
  const timestamp = String(options.timestamp)
  const single = messages.length === 1
  let text = ''
  for (let i = 0; i < messages.length; i++) {
    text += encodeMessage(messages[i]!, options.first + i, timestamp)
    if (!single) text += '\n'
  }
  const plain = Buffer.from(text, 'utf8')
  const compressed = !isCompressed(plain, options) ? plain : options.compression === 'zstd' ? zstdCompressSync(plain) : gzipSync(plain)
  return encoded(messages.length, plain, crc32(plain), compressed, options)
}

const threads = { zstd: promisify(zstdCompress), gzip: promisify(gzip) }

/** With large chunks, since each chunk of output costs a round trip to the thread. */
function compressInThread (plain: Buffer, compression: 'zstd' | 'gzip'): Promise<Buffer> {
  const chunkSize = 256 * 1024
  // So that readers know the size from the frame's header.
  return compression === 'zstd' ? threads.zstd(plain, { chunkSize, pledgedSrcSize: plain.length }) : threads.gzip(plain, { chunkSize })
}

/** Encodes a segment in pieces of about `sliceChars` characters, in turn with other work, and compresses it in zlib's threads. */
export async function encodeLargeSegment (
  messages: readonly NewMessage[], options: EncodeOptions, turns: Turns, sliceChars: number
): Promise<EncodedSegment> {
  const pieces: Buffer[] = []
  let checksum = 0
  const addPiece = (text: string): void => {
    const piece = Buffer.from(text, 'utf8')
    checksum = crc32(piece, checksum)
    pieces.push(piece)
  }
  for (const text of linePieces(messages, options.first, String(options.timestamp), sliceChars)) {
    addPiece(text)
    if (text.length >= sliceChars) await turns.next()
  }
  if (messages.length > 1) addPiece('\n')
  const plain = Buffer.concat(pieces)
  const { compression } = options
  const compressed = compression !== 'none' && isCompressed(plain, options) ? await compressInThread(plain, compression) : plain
  return encoded(messages.length, plain, checksum, compressed, options)
}

function isCompressed (plain: Buffer, { compression, compressOverBytes }: EncodeOptions): boolean {
  return compression !== 'none' && plain.length > compressOverBytes
}

/** @param compressed not used if it is not smaller than `plain` */
function encoded (count: number, plain: Buffer, checksum: number, compressed: Buffer, options: EncodeOptions): EncodedSegment {
  const { first, writer, compression, closes = false } = options
  const stored: StoredBody | undefined = compression === 'none' || compressed.length >= plain.length
    ? undefined
    : { encoding: compression, body: compressed }
  const crc = checksum.toString(16).padStart(8, '0')
  const metadata = { first: String(first), count: String(count), writer, crc32: crc, ...closes && { closed: 'true' } }
  const contentType = count === 1 ? 'application/json' : 'application/x-ndjson'
  return {
    object: stored === undefined
      ? { body: plain, contentType, metadata }
      : { body: stored.body, contentType, contentEncoding: stored.encoding, metadata },
    segment: { kind: 'messages', first, last: first + count - 1, writer, lines: new Lines(plain), bytes: plain.length, stored }
  }
}

/** No seal is larger than this, whatever its offsets. */
export const SEAL_BYTES_MAX = 64

/** @param sealed `hole`: put by a reader, `first` is `last`; `range`: put by the writer that owns `first … last` */
export function encodeSeal (first: Offset, last: Offset, sealed: 'hole' | 'range', writer?: string): SegmentObject {
  return {
    body: Buffer.from(`{"offset":${last},"sealed_from":${first}}`),
    contentType: 'application/json',
    metadata: writer === undefined ? { sealed } : { sealed, writer }
  }
}

/** No segment is larger than this decompressed; a stored object that claims to be is damaged. */
const DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024

/**
 * @param last the offset in the object's key
 * @throws LogError `segment_corrupt` for any bytes that are not a segment that ends at `last`
 */
export function decodeSegment (object: SegmentObject, topic: string, last: Offset): Segment {
  try {
    const plain = decompress(object)
    const { metadata } = object
    if (metadata['sealed'] === undefined && metadata['crc32'] !== undefined) return decodeWithChecksum(object, plain, last)
    if (!isUtf8(plain)) throw new CorruptSegment('it is not UTF-8')
    const text = plain.toString('utf8')
    const value = parseObject(text)
    if (value !== undefined && 'sealed_from' in value && !('payload' in value)) return decodeSeal(value, plain, last, metadata)
    return decodeForeign(value === undefined ? text.split('\n') : [onOneLine(text)], last, metadata)
  } catch (error) {
    if (!(error instanceof CorruptSegment)) throw error
    const { message: why, cause } = error
    throw new LogError('segment_corrupt', `The segment of topic ${topic} that ends at offset ${last} is damaged: ${why}.`, { cause })
  }
}

/** The message says what is wrong with the segment. */
class CorruptSegment extends Error {}

function decompress (object: SegmentObject): Buffer {
  try {
    return decompressed(object)
  } catch (cause) {
    throw new CorruptSegment('it cannot be decompressed', { cause })
  }
}

function decompressed (object: SegmentObject): Buffer {
  const options = { maxOutputLength: DECOMPRESSED_BYTES_MAX }
  switch (object.contentEncoding) {
    case 'zstd': return zstdDecompressSync(object.body, options)
    case 'gzip': return gunzipSync(object.body, options)
    case undefined: case '': case 'identity': case 'aws-chunked':
      return Buffer.from(object.body.buffer, object.body.byteOffset, object.body.byteLength)
    default: throw new Error(`unknown content encoding ${object.contentEncoding}`)
  }
}

function storedBody ({ contentEncoding, contentType, body }: SegmentObject, plain: Buffer): StoredBody | undefined {
  if (contentEncoding !== 'gzip' && contentEncoding !== 'zstd') return undefined
  // In a batch, the last line must have a line feed, too.
  return contentType !== 'application/json' && plain.at(-1) !== 0x0a ? undefined : { encoding: contentEncoding, body }
}

/** Decodes a segment that this implementation wrote. Its checksum is right, so its lines are not parsed. */
function decodeWithChecksum (object: SegmentObject, plain: Buffer, last: Offset): MessageSegment {
  const { metadata } = object
  if (crc32(plain) !== Number.parseInt(metadata['crc32']!, 16)) throw new CorruptSegment('its checksum does not match')
  const first = Number(metadata['first'])
  const lines = new Lines(plain)
  if (lines.count !== last - first + 1 || Number(metadata['count']) !== lines.count) {
    throw new CorruptSegment(`it holds ${lines.count} messages, and its metadata says ${metadata['first']} … ${last}`)
  }
  if (plain.toString('latin1', 0, lineStart(first).length) !== lineStart(first)) throw new CorruptSegment('it begins with another offset')
  return { kind: 'messages', first, last, writer: metadata['writer'], lines, bytes: plain.length, stored: storedBody(object, plain) }
}

function decodeSeal (value: Record<string, unknown>, plain: Buffer, last: Offset, metadata: SegmentObject['metadata']): Seal {
  const first = value['sealed_from']
  if (!isOffset(first) || first > last || value['offset'] !== last) throw new CorruptSegment('it is not a valid seal')
  const sealed = metadata['sealed'] === 'range' ? 'range' : 'hole'
  return { kind: 'seal', sealed, first, last, writer: metadata['writer'], bytes: plain.length }
}

/** Decodes a segment of another implementation: needs no metadata, and checks every line. */
function decodeForeign (texts: readonly string[], last: Offset, metadata: SegmentObject['metadata']): MessageSegment {
  const lines = texts.map((line) => line.trim()).filter((line) => line !== '')
  const first = last - lines.length + 1
  if (lines.length === 0 || first < 1) throw new CorruptSegment(`it holds ${lines.length} messages`)
  for (const [i, line] of lines.entries()) {
    const message = parseObject(line)
    if (message === undefined) throw new CorruptSegment(`line ${i + 1} is not a JSON object`)
    if (message['offset'] !== first + i) throw new CorruptSegment(`line ${i + 1} should be offset ${first + i}`)
    if (!('payload' in message)) throw new CorruptSegment(`line ${i + 1} has no payload`)
  }
  const bytes = Buffer.from(lines.join('\n'), 'utf8')
  return { kind: 'messages', first, last, writer: metadata['writer'], lines: new Lines(bytes), bytes: bytes.length }
}

function parseObject (text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : undefined
  } catch {
    return undefined
  }
}

function isOffset (value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1
}
