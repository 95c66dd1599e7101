import { chmodSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join, resolve } from 'node:path'
import { text as readAll } from 'node:stream/consumers'

/**
 * Answers requests of the server's user on a socket in the data folder, since no other process can read the database while
 * this one has it open. A client sends one request, and ends its side of the connection; the answer is one, too.
 * @param file the name of the socket
 * @param answer must not fail
 * @throws Error if the socket cannot be created, for example because its path is too long
 */
export async function listenInFolder (folder: string, file: string, answer: (request: string) => Promise<string>): Promise<Server> {
  const path = join(resolve(folder), file)
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    // The work goes on if its client disconnects.
    socket.on('error', () => {})
    readAll(socket).then(answer).then((text) => { socket.end(text) }, () => { socket.destroy() })
  })
  // A killed server leaves its socket. No other server can run: this one has the database open.
  rmSync(path, { force: true })
  await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(path, resolve) })
  chmodSync(path, 0o600)
  return server.unref()
}

/** A connection to the server that runs on a folder. */
export interface FolderConnection {
  /** Sends the request, and returns the answer; empty if the server ended before. @throws Error if the connection breaks */
  ask (request: string): Promise<string>
  close (): void
}

/** @returns `undefined` if no server runs on the folder, or if it does not listen on the socket */
export async function connectInFolder (folder: string, file: string): Promise<FolderConnection | undefined> {
  const socket = connect(join(resolve(folder), file))
  try {
    await new Promise((resolve, reject) => { socket.once('connect', resolve).once('error', reject) })
  } catch {
    return undefined
  }
  return {
    ask (request) {
      socket.end(request)
      return readAll(socket)
    },
    close () {
      socket.destroy()
    }
  }
}
