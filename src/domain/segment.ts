import { isUtf8 } from 'node:buffer'
import { crc32, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { SegmentObject } from '../ports/segment-store.ts'
import { LogError } from './errors.ts'
import { onOneLine } from './json.ts'
import { Lines } from './lines.ts'
import { encodeMessage, lineStart, type NewMessage } from './message.ts'

/*
 * The object of a segment (log §2.1):
 *
 *   one message   application/json       LINE
 *   a batch       application/x-ndjson   LINE "\n" LINE "\n" … LINE "\n"
 *   a seal        application/json       {"offset":N,"sealed_from":F}
 *
 * Metadata: first, count, writer, crc32 (of the body before compression, 8 hex digits), or sealed (hole | range).
 * An object without `crc32` comes from elsewhere and is parsed whole before a byte of it is believed.
 */

export type Compression = 'none' | 'gzip' | 'zstd'

/** What a decoded object says about the offsets `first … last`. */
export type Segment = MessageSegment | Seal

export interface Seal {
  readonly kind: 'seal'
  readonly sealed: 'hole' | 'range'
  readonly first: number
  readonly last: number
  readonly writer: string | undefined
  readonly bytes: number
}

export interface MessageSegment {
  readonly kind: 'messages'
  readonly first: number
  readonly last: number
  readonly writer: string | undefined
  /** The stored lines; line `i` is the message at `first + i`. */
  readonly lines: Lines
  /** Their length together. */
  readonly bytes: number
  /** The body as it is stored, where that is compressed, so that it can be passed on as it is. */
  readonly stored?: StoredBody | undefined
}

/** Decompressed: the one line of a single message; for a batch each line with its "\n". */
export interface StoredBody {
  readonly encoding: 'gzip' | 'zstd'
  readonly body: Uint8Array
}

export interface EncodeOptions {
  readonly first: number
  readonly timestamp: number
  readonly writer: string
  readonly compression: Compression
  /** Bodies up to this many bytes are left as they are. */
  readonly compressOverBytes: number
}

/** @returns the object to store, and what reading it would give */
export function encodeSegment (messages: readonly NewMessage[], options: EncodeOptions): { object: SegmentObject, segment: MessageSegment } {
  const single = messages.length === 1
  const timestamp = String(options.timestamp)
  let text = ''
  for (let i = 0; i < messages.length; i++) {
    text += encodeMessage(messages[i]!, options.first + i, timestamp)
    if (!single) text += '\n'
  }
  const plain = Buffer.from(text, 'utf8')
  const metadata = {
    first: String(options.first),
    count: String(messages.length),
    writer: options.writer,
    crc32: crc32(plain).toString(16).padStart(8, '0')
  }
  const contentType = single ? 'application/json' : 'application/x-ndjson'
  const last = options.first + messages.length - 1
  const segment = (stored?: StoredBody): MessageSegment =>
    ({ kind: 'messages', first: options.first, last, writer: options.writer, lines: new Lines(plain), bytes: plain.length, stored })
  if (options.compression !== 'none' && plain.length > options.compressOverBytes) {
    const smaller = options.compression === 'zstd' ? zstdCompressSync(plain) : gzipSync(plain)
    if (smaller.length < plain.length) {
      const object = { body: smaller, contentType, contentEncoding: options.compression, metadata }
      return { object, segment: segment({ encoding: options.compression, body: smaller }) }
    }
  }
  return { object: { body: plain, contentType, metadata }, segment: segment() }
}

/** No seal is larger than this, whatever its offsets. */
export const SEAL_BYTES_MAX = 64

/** @param sealed `hole`: put by a reader, `first` is `last`; `range`: put by the writer that owns `first … last` */
export function encodeSeal (first: number, last: number, sealed: 'hole' | 'range', writer?: string): SegmentObject {
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
export function decodeSegment (object: SegmentObject, topic: string, last: number): Segment {
  const corrupt = (why: string, cause?: unknown): never => {
    throw new LogError('segment_corrupt', `The segment of topic ${topic} that ends at offset ${last} is damaged: ${why}.`, { cause })
  }
  let plain: Buffer
  try {
    plain = decompress(object)
  } catch (error) {
    return corrupt('it cannot be decompressed', error)
  }
  const { metadata } = object
  if (metadata['sealed'] === undefined && metadata['crc32'] !== undefined) {
    if (crc32(plain) !== Number.parseInt(metadata['crc32'], 16)) corrupt('its checksum does not match')
    const first = Number(metadata['first'])
    const lines = new Lines(plain)
    if (lines.count !== last - first + 1 || Number(metadata['count']) !== lines.count) {
      corrupt(`it holds ${lines.count} messages, and its metadata says ${metadata['first']} … ${last}`)
    }
    if (plain.toString('latin1', 0, lineStart(first).length) !== lineStart(first)) corrupt('it begins with another offset')
    return { kind: 'messages', first, last, writer: metadata['writer'], lines, bytes: plain.length, stored: storedBody(object, plain) }
  }
  return parseWhole(plain, last, metadata, corrupt)
}

function decompress (object: SegmentObject): Buffer {
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
  // Of a batch the last line, too, must have its line end.
  return contentType !== 'application/json' && plain.at(-1) !== 0x0a ? undefined : { encoding: contentEncoding, body }
}

/** For seals, and for segments that another implementation wrote: no metadata is needed, and nothing is taken on trust. */
function parseWhole (
  plain: Buffer, last: number, metadata: SegmentObject['metadata'], corrupt: (why: string, cause?: unknown) => never
): Segment {
  if (!isUtf8(plain)) corrupt('it is not UTF-8')
  const text = plain.toString('utf8')
  const whole = parseObject(text)
  if (whole !== undefined && 'sealed_from' in whole && !('payload' in whole)) {
    const first = whole['sealed_from']
    if (!isOffset(first) || first > last || whole['offset'] !== last) corrupt('it is no valid seal')
    const sealed = metadata['sealed'] === 'range' ? 'range' : 'hole'
    return { kind: 'seal', sealed, first, last, writer: metadata['writer'], bytes: plain.length }
  }
  const texts = whole !== undefined ? [onOneLine(text).trim()] : text.split('\n').map((line) => line.trim()).filter((line) => line !== '')
  const first = last - texts.length + 1
  if (texts.length === 0 || first < 1) corrupt(`it holds ${texts.length} messages`)
  for (const [i, line] of texts.entries()) {
    const message = parseObject(line)
    if (message === undefined) corrupt(`line ${i + 1} is not a JSON object`)
    else if (message['offset'] !== first + i) corrupt(`line ${i + 1} should be offset ${first + i}`)
    else if (!('payload' in message)) corrupt(`line ${i + 1} has no payload`)
  }
  const lines = new Lines(Buffer.from(texts.join('\n'), 'utf8'))
  return { kind: 'messages', first, last, writer: metadata['writer'], lines, bytes: lines.bytes.length }
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
