/** A collector of traces that drops everything: only the server's part of the work shall count. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const server = createServer((request, response) => {
  request.resume().on('end', () => { response.setHeader('content-type', 'application/json').end('{}') })
})
server.listen(0, '127.0.0.1', () => { console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`) })
