import { createConnection, type Socket } from 'node:net'

/*
 * Many readers of one live stream in a process of their own. They look at nothing: what they get is counted in bytes. The last
 * STOPPED of them stop reading once their stream has begun, but stay connected, as a client does that hangs.
 */
const { SERVER_PORT, STREAM_PATH, READERS, STOPPED } = process.env
const readers = Number(READERS)
const stopped = Number(STOPPED)
const head = `GET ${STREAM_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n`
const count = { bytes: 0, closed: 0 }

function follow (index: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ port: Number(SERVER_PORT), host: '127.0.0.1' }, () => socket.write(head))
    socket.once('data', (chunk: Buffer) => {
      const first = chunk.toString('latin1')
      if (!/^HTTP\/1\.1 200 [^]*text\/event-stream/.test(first)) {
        reject(new Error(`not an event stream: ${first.slice(0, 500)}`))
        return
      }
      if (index >= readers - stopped) socket.pause()
      else socket.on('data', (more: Buffer) => { count.bytes += more.length })
      resolve(socket)
    })
    socket.on('error', reject).on('close', () => { count.closed++ })
  })
}

// In portions: a listening socket's queue of connections is bounded.
for (let from = 0; from < readers; from += 100) {
  await Promise.all(Array.from({ length: Math.min(100, readers - from) }, (_, index) => follow(from + index)))
}
process.send!({ connected: true })
process.on('message', () => { process.send!({ ...count }) })
