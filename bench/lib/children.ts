import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createConnection, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A server in a process of its own. */
export interface Server {
  readonly pid: number
  readonly port: number
  /** User and system time of all its threads so far, in seconds; NaN where the system does not tell. */
  cpuSeconds (): number
  /** Resident memory in MiB; NaN where the system does not tell. */
  rssMiB (): number
  stop (): Promise<void>
}

export interface ServerSpec {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** A folder for this run of it; gone afterwards. Its standard output is a file there, so that nobody has to read it. */
  readonly folder: string
}

const running = new Set<ChildProcess>()
const folders = new Set<string>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => { process.exit(130) })

/** A fresh folder below `parent` that is gone when this process is. */
export function workFolder (parent: string, name: string): string {
  const folder = mkdtempSync(join(parent, `${name.replaceAll(/\W+/g, '-')}-`))
  folders.add(folder)
  return folder
}

export function dropFolder (folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  folders.delete(folder)
}

/** Of the environment only what a process needs: nobody's own settings must leak into what is measured. */
export function bareEnvironment (more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env
  return { PATH, HOME, NODE_ENV: 'production', ...more }
}

/** Starts a child that is sure to end with this process. */
export function spawnNode (
  args: readonly string[], options: { env: Record<string, string>, stdio: Array<'ignore' | 'pipe' | 'inherit' | 'ipc' | number> }
): ChildProcess {
  return trackChild(spawn(process.execPath, args, options))
}

/** Kills the child when this process exits. @returns the child */
export function trackChild<T extends ChildProcess> (child: T): T {
  running.add(child)
  child.once('exit', () => { running.delete(child) })
  return child
}

/** Starts a server that prints its address in its first line. */
export async function startServer ({ args, env, folder }: ServerSpec): Promise<Server> {
  const output = join(folder, 'output.log')
  const file = openSync(output, 'a')
  const child = spawnNode(args, { env: bareEnvironment(env), stdio: ['ignore', file, file] })
  closeSync(file)
  const url = await addressIn(output, child)
  return serverOf(child, Number(new URL(url).port))
}

/** Starts a server that is no Node program. It listens at the port that it is told. */
export async function startProgram (command: string, args: (port: number) => readonly string[], folder: string): Promise<Server> {
  const port = await freePort()
  const file = openSync(join(folder, 'output.log'), 'a')
  const child = trackChild(spawn(command, args(port), { env: bareEnvironment(), stdio: ['ignore', file, file] }))
  closeSync(file)
  for (let waited = 0; waited < 20_000; waited += 10) {
    if (await accepts(port)) return serverOf(child, port)
    if (child.exitCode !== null) break
    await sleep(10)
  }
  await stopChild(child)
  throw new Error(`${command} does not listen: ${readFileSync(join(folder, 'output.log'), 'utf8').slice(0, 2000)}`)
}

function serverOf (child: ChildProcess, port: number): Server {
  const pid = child.pid!
  return { pid, port, cpuSeconds: () => cpuSecondsOf(pid), rssMiB: () => rssMiBOf(pid), stop: () => stopChild(child) }
}

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function accepts (port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' })
    const tell = (value: boolean) => () => {
      socket.destroy()
      resolve(value)
    }
    socket.once('connect', tell(true)).once('error', tell(false))
  })
}

export async function stopChild (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  // Nothing that it stored is needed any more, and some servers wait long for their connections to end.
  child.kill('SIGKILL')
  await ended
}

async function addressIn (output: string, child: ChildProcess): Promise<string> {
  for (let waited = 0; waited < 20_000; waited += 10) {
    const text = readFileSync(output, 'utf8')
    const url = /http:\/\/[\w.:[\]]+:\d+/.exec(text)?.[0]
    if (url !== undefined) return url
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}: ${text.slice(0, 2000)}`)
    await sleep(10)
  }
  throw new Error('the server did not print its address within 20 s')
}

/** Linux counts in hundredths of a second here, on every architecture. */
const ticksPerSecond = 100

export function cpuSecondsOf (pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is a name in brackets that may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
  } catch {
    return NaN
  }
}

export function rssMiBOf (pid: number): number {
  return memoryMiBOf(pid, /^VmRSS:\s+(\d+) kB/m)
}

/** The most resident memory that the process has had, in MiB; NaN where the system does not tell. */
export function peakRssMiBOf (pid: number): number {
  return memoryMiBOf(pid, /^VmHWM:\s+(\d+) kB/m)
}

function memoryMiBOf (pid: number, line: RegExp): number {
  try {
    return Number(line.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
  } catch {
    return NaN
  }
}
