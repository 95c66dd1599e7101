import type { ProducerAppend } from '../producers/judge.ts'
import type { NewMessage } from '../segments/message.ts'

/** The conditions under which an append is stored (log §6). */
export interface AppendConditions {
  /** The append is stored once, however often it is sent (log §6.4). Not together with `key`. */
  readonly producer?: ProducerAppend | undefined
  /** An idempotency key, with the same effect, for a caller that does not number its appends (log §6.6). */
  readonly key?: string | undefined
  /** The offset that the first message must get, from 1 (log §6.7). */
  readonly expectedOffset?: number | undefined
  /** The topic is closed with this append, which may be without messages (log §6.8). */
  readonly close?: boolean | undefined
  /** A value of the topic's string sequence. Must be above the newest one, compared as UTF-8 bytes (log §6.8). */
  readonly order?: string | undefined
}

/** An append that waits to be written, as its topic's group commit sees it. */
export interface PendingAppend {
  readonly messages: readonly NewMessage[]
  readonly conditions: AppendConditions
  /** When it arrived, by {@link TopicBelief.tick}. */
  readonly arrived: number
  /**
   * The last offset of an own range that was found void. While it is the topic's current offset, nobody has reserved since, and
   * the expected offset counts as met (log §6.7).
   */
  expectedLast?: number | undefined
  /** What is known for its key, once the record was read and allows the append. */
  keySeen?: KeySeen | undefined
  /** Whether the topic's rate has counted it. The rate counts it once, however often its conditions are checked. */
  paid?: boolean | undefined
}

export interface KeySeen {
  /** The version of the record; `null`: there is none. */
  readonly version: number | null
  /** Of the append's messages, by `hashMessages`. */
  readonly hash: string
}

/** A range of offsets whose segment may not have been put yet. */
export interface OpenRange {
  readonly first: number
  readonly last: number
  readonly writer: string
  /** When it was reserved, by the store's clock, seconds. */
  readonly timeS: number
}
