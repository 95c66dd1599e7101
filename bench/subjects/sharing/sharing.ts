import type { Server } from '../../lib/children.ts'
import type { Worker } from '../../lib/workers.ts'

/** Something that lets workers share messages: how it is started, and how one speaks to it. */
export interface Sharing {
  readonly name: string
  /** Which version, if it is installed; undefined if not. */
  version (): string | undefined
  /** @param folder is empty, on the disk to measure, and gone afterwards */
  start (folder: string): Promise<Server>
  /** Stores so many messages in a topic. @param payload JSON @param keys how many different keys they have; none if absent */
  fill (server: Server, topic: string, count: number, payload: string, keys?: number): Promise<void>
  /** Makes a group that begins with the topic's first message. */
  makeGroup (server: Server, topic: string, group: string, keyed: boolean): Promise<void>
  /** So many workers of a group. @param limit messages of a lease */
  workers (topic: string, group: string, limit: number, count: number): Worker[]
}
