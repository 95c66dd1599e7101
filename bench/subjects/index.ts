import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { durableStreams, ours } from './protocols.ts'
import type { Subject } from './subject.ts'

function file (path: string): string {
  return fileURLToPath(new URL(path, import.meta.url))
}

/** The file itself, as a supervisor runs it. */
const server = [file('../../src/server.ts')]
const quiet = { PORT: '0', LOG_LEVEL: 'silent' }

export const oursMemory: Subject = {
  name: 'ours, memory', protocol: ours, args: server, env: () => ({ ...quiet, DATA_DIR: ':memory:' })
}
/** As it is by default: every answer says "synced". */
export const oursSqlite: Subject = {
  name: 'ours, SQLite', protocol: ours, args: server, env: (folder) => ({ ...quiet, DATA_DIR: join(folder, 'data') })
}
/** On S3 and DynamoDB as LocalStack imitates them. @param storage the settings of its bucket and table, as environment variables */
export function oursLocalstack (storage: Readonly<Record<string, string>>): Subject {
  return { name: 'ours, LocalStack', protocol: ours, args: server, env: () => ({ ...quiet, ...storage }) }
}
export const oursMemoryLogging: Subject = {
  name: 'ours, memory, log on', protocol: ours, args: server, env: () => ({ ...quiet, DATA_DIR: ':memory:', LOG_LEVEL: 'info' })
}

export const bare: Subject = {
  name: 'bare Fastify', protocol: ours, args: [file('bare-fastify.ts')], env: () => ({ PORT: '0' })
}
/** A fairer limit: responses that leave together wake the generator once. Group commit does the same. */
export const bareGathering: Subject = {
  name: 'bare Fastify, gathered responses', protocol: ours, args: [file('bare-fastify.ts')], env: () => ({ PORT: '0', GATHER: '1' })
}
/** Two lines a request, as Fastify does it by itself. */
export const bareLogging: Subject = {
  name: 'bare Fastify, log on', protocol: ours, args: [file('bare-fastify.ts')], env: () => ({ PORT: '0', LOG: '1' })
}

/** Of its settings none makes it faster: no request asks for compression, nothing subscribes, no lifecycle hooks. */
export const peerMemory: Subject = {
  name: 'peer, memory', protocol: durableStreams, args: [file('peer.ts')], env: () => ({ PORT: '0' })
}
/** It syncs (fdatasync) each append before it answers; that can't be set otherwise. */
export const peerFile: Subject = {
  name: 'peer, file', protocol: durableStreams, args: [file('peer.ts')], env: (folder) => ({ PORT: '0', DATA_DIR: join(folder, 'data') })
}

export const peerNote = 'The peer is @durable-streams/server 0.3.7 in JSON mode with its default settings. Its file store syncs each ' +
  'append (fdatasync, then its LMDB record).'

/** Not a log, but where traces go to. */
export const collector = [file('collector.ts')]

export const trivialNet: Subject = {
  name: 'a bare socket (node:net)', protocol: ours, args: [file('trivial.ts')], env: () => ({ KIND: 'net' })
}
export const trivialHttp: Subject = {
  name: 'a bare node:http server', protocol: ours, args: [file('trivial.ts')], env: () => ({ KIND: 'http' })
}
export const trivialAws: Subject = {
  name: 'an S3 and DynamoDB that stores nothing', protocol: ours, args: [file('trivial-aws.ts')], env: () => ({})
}
