import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/* S3 and DynamoDB that keep nothing and answer at once: what is left of a call's cost is the client's. */
const time = '{"N":"1702000000000"}'
const item = `"pk":{"S":"bench"},"kind":{"S":"topic"},"current_offset":{"N":"1234567"},"created_at":${time},"reserved_at":${time}`
const reserved = `{"Attributes":{${item}}}`

const server = createServer((request, response) => {
  request.resume().on('end', () => {
    if (request.headers['x-amz-target'] === undefined) response.writeHead(200, { etag: '"0"', 'content-length': 0 }).end()
    else response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0', 'content-length': reserved.length }).end(reserved)
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => { console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`) })
