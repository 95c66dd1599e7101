import type { ProducerAppend } from '../producers/judge.ts'
import type { NewMessage } from '../segments/message.ts'

/** What an append asks for beside being stored (log §6). */
export interface AppendConditions {
  /** It is appended once, however often it is sent (log §6.4). Not together with `key`. */
  readonly producer?: ProducerAppend | undefined
  /** Likewise, for a caller that counts nothing (log §6.6). */
  readonly key?: string | undefined
  /** The offset that the first message must get, from 1 (log §6.7). */
  readonly expectedOffset?: number | undefined
  /** The topic ends after this append, or at once if it has no messages (log §6.8). */
  readonly close?: boolean | undefined
  /** Refused unless it is above, as UTF-8 bytes, the last one that was appended to the topic (log §6.8). */
  readonly order?: string | undefined
}

/** An append that waits to be written, as its topic's group commit sees it. */
export interface PendingAppend {
  readonly messages: readonly NewMessage[]
  readonly conditions: AppendConditions
  /** When it arrived, by {@link TopicBelief.tick}. */
  readonly arrived: number
  /** In place of the expected offset: its own range was void, and nobody has reserved since if this is the last offset (log §6.7). */
  expectedLast?: number | undefined
  /** The version of its key's record, once that was read and found to allow the append. `null`: there was none. */
  keySeen?: number | null | undefined
  /** It was taken from the topic's rate: it is not again, however often it is judged. */
  paid?: boolean | undefined
}

/** A range of offsets whose segment may not have been put yet. */
export interface OpenRange {
  readonly first: number
  readonly last: number
  readonly writer: string
  /** When it was reserved, in seconds, as told by the store. */
  readonly timeS: number
}
