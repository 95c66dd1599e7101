import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/**
 * How connections end while nobody looks:
 * - `closed`: the peer closes them (FIN), as services do with connections that are idle for long.
 * - `reset`: the peer resets them (RST).
 * - `forgotten`: nothing comes. What is sent is answered by a reset, as by a peer or a NAT that does not know the connection any more.
 * - `silent`: nothing comes, and what is sent vanishes.
 * - `deaf`: what is sent arrives and takes effect, and the answer vanishes.
 */
export type Death = 'closed' | 'reset' | 'forgotten' | 'silent' | 'deaf'

export interface TcpProxy {
  readonly endpoint: string
  /** How many connections have been opened so far. */
  readonly opened: () => number
  /** How many of them are open, or seem so to who opened them. */
  readonly open: () => number
  /** Ends the connections of this moment. Later ones work. @returns how many */
  readonly kill: (death: Death) => number
}

/** Passes bytes between connections and an origin, such as `http://127.0.0.1:4566`. */
export async function tcpProxy (t: TestContext, origin: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(origin)
  const alive = new Map<Socket, Socket>()
  const clients = new Set<Socket>()
  let opened = 0
  const server = createServer((client) => {
    opened++
    const upstream = connect({ host: hostname, port: Number(port), noDelay: true })
    alive.set(client, upstream)
    clients.add(client)
    client.setNoDelay(true)
    client.on('error', () => {}).on('close', () => {
      alive.delete(client)
      clients.delete(client)
      upstream.destroy()
    })
    upstream.on('error', () => {}).on('close', () => { if (alive.has(client)) client.destroy() })
    client.pipe(upstream).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => { server.once('listening', resolve) })
  t.after(() => {
    for (const client of clients) client.destroy()
    server.close()
  })
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    opened: () => opened,
    open: () => clients.size,
    kill (death) {
      const killed = [...alive]
      for (const [client, upstream] of killed) {
        alive.delete(client)
        end(death, client, upstream)
      }
      return killed.length
    }
  }
}

function end (death: Death, client: Socket, upstream: Socket): void {
  upstream.unpipe(client)
  if (death === 'deaf') {
    upstream.resume()
    return
  }
  client.unpipe(upstream)
  upstream.destroy()
  switch (death) {
    case 'closed': client.end(); break
    case 'reset': client.resetAndDestroy(); break
    case 'forgotten': client.once('data', () => { client.resetAndDestroy() }).resume(); break
    case 'silent': client.resume()
  }
}
