import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Makes a closing server finish what it is sending. Node takes a connection for idle from the moment its last answer was
 * handed over, and destroys it with whatever part of that answer is not out yet (`closeIdleConnections`, which
 * `close` calls, too). And it looks for idle connections only once, so that those which become idle later stay open.
 * @returns closes the idle connections, again and again, until the returned function is called
 */
export function closeIdleWhenSent (server: Server): () => () => void {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const closeIdle = server.closeIdleConnections.bind(server)
  server.closeIdleConnections = () => {
    for (const socket of sockets) if (socket.writableLength > 0) return
    closeIdle()
  }
  return () => {
    const again = setInterval(() => { server.closeIdleConnections() }, 50)
    return () => { clearInterval(again) }
  }
}
