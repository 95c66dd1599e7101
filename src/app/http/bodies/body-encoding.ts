import { promisify } from 'node:util'
import { brotliDecompress, constants, gunzip, zstdDecompress } from 'node:zlib'
import { LogError } from '../../../domain/errors.ts'
import { show } from '../validation.ts'

/*
 * Decompression of request bodies. @fastify/compress is not used: it goes on expanding a body that is already too large,
 * ignores bytes after the end, and adds hooks to requests without an encoding.
 */

/** The supported encodings of requests, for `Accept-Encoding` in a response (RFC 9110, 12.5.3). */
export const bodyEncodings = 'gzip, br, zstd'

/** The encoding is not supported, or there is more than one. */
export class UnsupportedEncoding extends LogError {
  constructor (given: string) {
    super('unsupported_media_type', `content-encoding: expected one of gzip, br, zstd, identity, got ${show.text(given)}`)
  }
}

interface Decompressed { readonly buffer: Buffer, readonly engine: { readonly bytesWritten: number } }
type Decompress = (body: Buffer, options: object) => Promise<Decompressed>

/**
 * Decompresses a body in zlib's threads.
 * @throws LogError `unsupported_media_type`, `body_too_large`, `malformed_request`
 */
export type DecompressBody = (body: Buffer, contentEncoding: string) => Promise<Buffer>

/** @param bytesMax of a decompressed body */
export function createDecompressor (bytesMax: number): DecompressBody {
  /** `info` makes zlib return objects of the type `Decompressed`; Node's types do not have this. */
  const options = { maxOutputLength: bytesMax, info: true, chunkSize: 64 * 1024 }
  const known: Readonly<Record<string, { readonly decompress: Decompress, readonly options: object } | undefined>> = {
    gzip: { decompress: promisify(gunzip) as unknown as Decompress, options },
    br: { decompress: promisify(brotliDecompress) as unknown as Decompress, options },
    // RFC 9659: the window is at most 8 MiB. Without the limit, a frame can make zlib allocate 128 MiB.
    zstd: {
      decompress: promisify(zstdDecompress) as unknown as Decompress,
      options: { ...options, params: { [constants.ZSTD_d_windowLogMax]: 23 } }
    }
  }

  return async (body, contentEncoding) => {
    const name = contentEncoding.trim().toLowerCase().replace(/^x-gzip$/, 'gzip')
    if (name === 'identity' || name === '') return body
    const coding = Object.hasOwn(known, name) ? known[name] : undefined
    if (coding === undefined) throw new UnsupportedEncoding(contentEncoding)
    // An empty body is reported as missing, whatever its encoding.
    if (body.length === 0) return body
    let result: Decompressed
    try {
      result = await coding.decompress(body, coding.options)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ERR_BUFFER_TOO_LARGE') {
        throw new LogError('body_too_large', `body: expected at most ${bytesMax} bytes when decompressed, got more`)
      }
      throw damaged(name, code === 'Z_BUF_ERROR' ? 'incomplete data' : 'other data')
    }
    // zlib stops at the end of the compressed data and ignores further bytes.
    if (result.engine.bytesWritten < body.length) throw damaged(name, 'more bytes after its end')
    return result.buffer
  }
}

function damaged (name: string, got: string): LogError {
  return new LogError('malformed_request', `body: expected ${name} data because of content-encoding, got ${got}`)
}
