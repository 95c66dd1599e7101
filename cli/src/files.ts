import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable, type Transform, type Writable } from 'node:stream'
import zlib from 'node:zlib'
import { CommandError, usageError } from './failures.ts'

export type Compression = 'gzip' | 'zstd' | 'none'

/** What the name of a file says. */
export function compressionOf (path: string): Compression {
  if (/\.gz$/i.test(path)) return 'gzip'
  return /\.(zst|zstd)$/i.test(path) ? 'zstd' : 'none'
}

/** Older versions of Node have no zstd. */
function zstd (name: 'createZstdCompress' | 'createZstdDecompress'): Transform {
  const create = (zlib as unknown as Record<string, (() => Transform) | undefined>)[name]
  if (create === undefined) {
    throw new CommandError(`zstd: expected Node 22.15 or newer, this is ${process.versions.node}`, { exit: 'usage', hint: 'use gzip: .gz' })
  }
  return create()
}

/** What compresses; `undefined` for nothing. */
export function compressor (compression: Compression): Transform | undefined {
  if (compression === 'none') return undefined
  return compression === 'gzip' ? zlib.createGzip() : zstd('createZstdCompress')
}

/**
 * The text of a file, which may be compressed: its first bytes tell.
 * @param path `-`: standard input
 * @param onBytes called with the number of bytes that were read from the file
 */
export async function openText (path: string, onBytes: (bytes: number) => void = () => {}): Promise<Readable> {
  const source = path === '-' ? process.stdin : createReadStream(path)
  const compression = path === '-' ? undefined : await compressionIn(path)
  if (path !== '-') source.on('data', (chunk: Buffer | string) => { onBytes(chunk.length) })
  if (path === '-') return sniffed(source)
  return through(source, compression ?? 'none')
}

async function compressionIn (path: string): Promise<Compression> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0)
    return magic(buffer.subarray(0, bytesRead))
  } finally {
    await file.close()
  }
}

function magic (bytes: Buffer): Compression {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return 'gzip'
  return bytes.length >= 4 && bytes.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : 'none'
}

async function sniffed (source: Readable): Promise<Readable> {
  const iterator = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const first = await iterator.next()
  const head = first.done === true ? Buffer.alloc(0) : first.value
  async function * all (): AsyncGenerator<Buffer> {
    yield head
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value
  }
  return through(Readable.from(all()), magic(head))
}

function through (source: Readable, compression: Compression): Readable {
  if (compression === 'none') return source
  const expand = compression === 'gzip' ? zlib.createGunzip() : zstd('createZstdDecompress')
  source.on('error', (error) => { expand.destroy(error) })
  return source.pipe(expand)
}

/** What is wrong with a file, in place of an error of what expands it. */
export function damageOf (error: unknown, path: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === undefined || !/^(Z|ZSTD)_/.test(code)) return error
  const name = path === '-' ? 'standard input' : path
  const what = code === 'Z_BUF_ERROR' ? 'it is cut, its end is missing' : `it is damaged: ${message}`
  return new CommandError(`${name}: expected a whole compressed file, ${what}`, {
    code: 'damaged_file', hint: 'export or copy the file once more; an import of the whole file leaves out what is stored'
  })
}

/** Writes text, compressed, to a file or to standard output. */
export class TextFile {
  readonly #target: Writable
  readonly #first: Writable
  #pending = ''
  /** It may come at any time, as what compresses writes later. */
  #error: Error | undefined

  private constructor (target: Writable, compression: Compression) {
    this.#target = target
    target.on('error', (error) => { this.#error ??= error })
    const compress = compressor(compression)
    this.#first = compress ?? target
    compress?.pipe(target, { end: target !== process.stdout })
  }

  /** @throws CommandError, or the error of the system, before there is anything to write */
  static async open (path: string | undefined, compression: Compression): Promise<TextFile> {
    if (path === undefined) return new TextFile(process.stdout, compression)
    try {
      return new TextFile((await open(path, 'w', 0o600)).createWriteStream(), compression)
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code!)) throw error
      const folder = dirname(path)
      throw usageError(`${folder}: expected a folder for the file, there is none`, `mkdir -p ${folder}`)
    }
  }

  async line (text: string): Promise<void> {
    this.#pending += `${text}\n`
    if (this.#pending.length >= 262_144) await this.#flush()
  }

  async end (): Promise<void> {
    await this.#flush()
    if (this.#first === process.stdout) return
    if (this.#error !== undefined) throw this.#error
    const closed = new Promise<void>((resolve, reject) => {
      this.#target.once(this.#target === process.stdout ? 'unpipe' : 'close', resolve)
      this.#target.once('error', reject)
    })
    this.#first.end()
    await closed
  }

  destroy (): void {
    if (this.#target !== process.stdout) this.#target.destroy()
  }

  async #flush (): Promise<void> {
    const text = this.#pending
    this.#pending = ''
    if (text === '') return
    if (this.#error !== undefined) throw this.#error
    await new Promise<void>((resolve, reject) => {
      this.#target.once('error', reject)
      this.#first.write(text, (error) => {
        this.#target.off('error', reject)
        if (error instanceof Error) reject(error)
        else resolve()
      })
    })
  }
}
