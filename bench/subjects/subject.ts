import { dropFolder, type Server, startServer, workFolder } from '../lib/children.ts'
import type { Options } from '../lib/options.ts'
import type { Protocol } from './protocols.ts'

/** Something to measure: how it is started, and how one speaks to it. */
export interface Subject {
  readonly name: string
  readonly protocol: Protocol
  readonly args: readonly string[]
  /** @param folder is empty, on the disk to measure, and gone afterwards */
  readonly env: (folder: string) => Record<string, string>
}

/** A fresh server with an empty store; both are gone when `use` is done. */
export async function withServer<T> (subject: Subject, options: Options, use: (server: Server) => Promise<T>): Promise<T> {
  const folder = workFolder(options.dataDir, subject.name)
  const server = await startServer({ args: subject.args, env: subject.env(folder), folder })
  try {
    return await use(server)
  } finally {
    await server.stop()
    dropFolder(folder)
  }
}

export function chosen (subjects: readonly Subject[], { subjects: parts }: Options): Subject[] {
  return subjects.filter(({ name }) => parts.length === 0 || parts.some((part) => name.includes(part)))
}
