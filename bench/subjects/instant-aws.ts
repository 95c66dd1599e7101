import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/*
 * S3 and DynamoDB that answer at once: what is left of a call's cost is the client's. The table always has one topic that ends at
 * offset 10. The bucket keeps the first object at each key, and takes all later ones as if they were the first.
 */
interface Stored { readonly body: Buffer, readonly headers: IncomingHttpHeaders }

const objects = new Map<string, Stored>()
const time = { N: '1702000000000' }
const item = {
  pk: { S: 'bench' }, kind: { S: 'topic' }, current_offset: { N: '10' }, created_at: time, reserved_at: time
}
const kept = /^(content-type|content-encoding|x-amz-meta-.*)$/

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => { chunks.push(chunk) }).on('end', () => {
    const target = request.headers['x-amz-target']
    if (typeof target === 'string') table(target, response)
    else bucket(request, Buffer.concat(chunks), response)
  })
})

function table (target: string, response: ServerResponse): void {
  const text = JSON.stringify(target.endsWith('.GetItem') ? { Item: item } : { Attributes: item })
  response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0', 'content-length': text.length }).end(text)
}

function bucket ({ method, url = '', headers }: IncomingMessage, body: Buffer, response: ServerResponse): void {
  const path = url.split('?', 1)[0]!
  const stored = objects.get(path)
  if (method === 'PUT') {
    if (stored === undefined) objects.set(path, { body, headers: pick(headers) })
    response.writeHead(200, { etag: '"0"', 'content-length': 0 }).end()
  } else if (stored !== undefined) {
    const about = { etag: '"0"', 'last-modified': new Date(1702000000000).toUTCString(), 'content-length': stored.body.length }
    response.writeHead(200, { ...about, ...stored.headers }).end(stored.body)
  } else {
    console.error(`no object: ${method} ${url}`)
    response.writeHead(404, { 'content-type': 'application/xml' }).end('<Error><Code>NoSuchKey</Code></Error>')
  }
}

function pick (headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => kept.test(name)))
}

server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => { console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`) })
