/*
 * The peer in a process of its own. Its module is one of the benchmark's dependencies, not of the project's: a name that
 * the compiler does not look up keeps the project's own checks working without it.
 */
interface PeerModule {
  readonly DurableStreamTestServer: new (options: { port: number, host: string, dataDir?: string }) => { start (): Promise<string> }
}

const name: string = '@durable-streams/server'
const { DurableStreamTestServer } = await import(name) as PeerModule
const { DATA_DIR: dataDir } = process.env
const peer = new DurableStreamTestServer({ port: 0, host: '127.0.0.1', ...dataDir !== undefined && { dataDir } })
console.log(await peer.start())
