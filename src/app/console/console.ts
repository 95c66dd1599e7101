import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Encoding, preferredEncoding } from '../http/answers/negotiation.ts'
import { pathOf } from '../http/errors.ts'

/** A file of the console, in all forms in which it is sent. */
interface ConsoleFile {
  /** Relative to `/console/`. */
  readonly name: string
  readonly type: string
  readonly bytes: Buffer
  readonly encoded: Partial<Record<Encoding, Buffer>>
  /** Quoted, as the header has it. */
  readonly etag: string
}

/** Where `npm run build -w console` puts the files. */
export const consoleFolder = new URL('../../../console/dist/', import.meta.url)

const types: Record<string, string> = {
  css: 'text/css; charset=utf-8', html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', svg: 'image/svg+xml'
}

/** Nothing but the console's own files, no inline script or style, no request to another host, and no page around it. */
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** For files whose name changes with their contents. */
const forever = 'public, max-age=31536000, immutable'

/**
 * Reads the console's files into memory: about 0.3 MB.
 * @returns no files if the console was not built
 */
export async function loadConsole (folder = consoleFolder): Promise<readonly ConsoleFile[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  const wanted = names.filter((name) => extensionOf(name) in types)
  return Promise.all(wanted.map(async (name) => {
    const read = async (suffix: string): Promise<Buffer> => readFile(new URL(`${name}${suffix}`, folder))
    const [bytes, br, gzip] = await Promise.all([read(''), read('.br'), read('.gz')])
    const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
    return { name: name.replaceAll('\\', '/'), type: types[extensionOf(name)]!, bytes, encoded: { br, gzip }, etag }
  }))
}

/** Adds the console at `/console`. It holds no data: what it shows, the browser asks of the API. */
export function addConsole (app: FastifyInstance, files: readonly ConsoleFile[]): void {
  const page = files.find(({ name }) => name === 'index.html')
  const options = { config: { access: 'open' }, schema: { hide: true } } as const
  // With and without a slash at its end.
  app.get('/console', options, async (request, reply) => {
    if (page === undefined) return sendMissing(reply)
    // The page's links are relative to it. So is this one, because the path may begin with a stage.
    if (!pathOf(request).endsWith('/')) return reply.redirect('./console/')
    return sendFile(request, reply, page, 'no-cache')
  })
  for (const file of files) {
    if (file === page) continue
    app.get(`/console/${file.name}`, options, async (request, reply) => sendFile(request, reply, file, forever))
  }
}

function sendFile (request: FastifyRequest, reply: FastifyReply, file: ConsoleFile, caching: string): FastifyReply {
  const { 'accept-encoding': accepted = '', 'if-none-match': known } = request.headers
  reply.header('cache-control', caching).header('content-security-policy', policy).header('vary', 'accept-encoding')
    // For what is opened from here, and for browsers that know no policy.
    .header('referrer-policy', 'no-referrer').header('x-frame-options', 'DENY')
  const encoding = preferredEncoding(accepted, 'br')
  const encoded = encoding === undefined ? undefined : file.encoded[encoding]
  // Weak: the same page in another encoding has other bytes.
  const etag = `W/${file.etag}`
  reply.header('etag', etag)
  if (known !== undefined && known.split(',').some((one) => one.trim() === etag)) return reply.code(304).send()
  if (encoded !== undefined) reply.header('content-encoding', encoding)
  return reply.type(file.type).send(encoded ?? file.bytes)
}

function sendMissing (reply: FastifyReply): FastifyReply {
  return reply.code(404).type('text/plain; charset=utf-8')
    .send('The console was not built. Run "npm ci" or "npm run build -w console", and start the server again.\n')
}

function extensionOf (name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}
