import { promisify } from 'node:util'
import { brotliDecompress, constants, gunzip, zstdDecompress } from 'node:zlib'
import { LogError } from '../domain/errors.ts'
import { defaultLimits } from '../domain/limits.ts'
import { show } from './validation.ts'

/*
 * Request bodies with a `Content-Encoding`. Not @fastify/compress: it goes on expanding a body that has turned out too
 * large, takes bytes behind the end for nothing, and adds hooks to requests that have no encoding.
 */

/** What a request may be encoded with, for `Accept-Encoding` in an answer (RFC 9110, 12.5.3). */
export const bodyEncodings = 'gzip, br, zstd'

/** A coding that is not known here, or more than one. */
export class UnsupportedEncoding extends LogError {
  constructor (given: string) {
    super('unsupported_media_type', `content-encoding: expected one of gzip, br, zstd, identity, got ${show.text(given)}`)
  }
}

interface Decompressed { readonly buffer: Buffer, readonly engine: { readonly bytesWritten: number } }
type Decompress = (body: Buffer, options: object) => Promise<Decompressed>

/** `info` makes the results those objects, of which the types know nothing. */
const options = { maxOutputLength: defaultLimits.requestBytesMax, info: true, chunkSize: 64 * 1024 }

const known: Readonly<Record<string, { readonly decompress: Decompress, readonly options: object } | undefined>> = {
  gzip: { decompress: promisify(gunzip) as unknown as Decompress, options },
  br: { decompress: promisify(brotliDecompress) as unknown as Decompress, options },
  // RFC 9659: no window above 8 MiB; a frame that asks for more would get 128 MiB of memory.
  zstd: { decompress: promisify(zstdDecompress) as unknown as Decompress, options: { ...options, params: { [constants.ZSTD_d_windowLogMax]: 23 } } }
}

/** In zlib's threads, and never more of it than the largest body. */
export async function decompressed (body: Buffer, contentEncoding: string): Promise<Buffer> {
  const name = contentEncoding.trim().toLowerCase().replace(/^x-gzip$/, 'gzip')
  if (name === 'identity' || name === '') return body
  const coding = Object.hasOwn(known, name) ? known[name] : undefined
  if (coding === undefined) throw new UnsupportedEncoding(contentEncoding)
  // Nothing at all is no body, in any encoding.
  if (body.length === 0) return body
  let result: Decompressed
  try {
    result = await coding.decompress(body, coding.options)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      throw new LogError('body_too_large', `body: expected at most ${defaultLimits.requestBytesMax} bytes when decompressed, got more`)
    }
    throw damaged(name, code === 'Z_BUF_ERROR' ? 'data that ends too early' : 'other data')
  }
  // zlib stops at the end of the data that it knows, and says nothing of what follows.
  if (result.engine.bytesWritten < body.length) throw damaged(name, 'more behind its end')
  return result.buffer
}

function damaged (name: string, got: string): LogError {
  return new LogError('malformed_request', `body: expected ${name} data because of content-encoding, got ${got}`)
}
