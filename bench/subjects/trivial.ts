import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer as createNetServer } from 'node:net'

/*
 * The least that can be answered, to see what the generator and the machine can do: with KIND=http by Node's own HTTP
 * server, with KIND=net by a socket that looks at nothing.
 */
const body = '{"topic":"bench","offset":1234567}'
const whole = Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)

const server = process.env['KIND'] === 'net'
  ? createNetServer({ noDelay: true }, (socket) => { socket.on('data', () => socket.write(whole)).on('error', () => {}) })
  : createHttpServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
    })
  })
server.listen(0, '127.0.0.1', () => { console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`) })
