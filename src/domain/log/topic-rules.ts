import { LRUCache } from 'lru-cache'
import type { Clock } from '../../ports/clock.ts'
import type { Bytes } from '../../ports/units.ts'
import { LogError } from '../errors.ts'
import type { NewMessage } from '../segments/message.ts'
import { decodeConfig, type RateConfig, type TopicConfig } from '../topics/config.ts'
import { Rates, type AppendCost } from '../topics/rate.ts'
import type { PendingAppend } from './conditions.ts'

/** Configs that are kept decoded. Many topics share one text. */
const CONFIGS_MAX = 1_000

/** What the configs of topics allow appends: sizes of messages, and rates, which each process counts by itself. */
export class TopicRules {
  readonly #rates: Rates
  readonly #configs = new LRUCache<string, TopicConfig>({ max: CONFIGS_MAX })

  constructor (clock: Clock) {
    this.#rates = new Rates(() => clock.monotonic())
  }

  /**
   * Takes the append from the topic's rate, once.
   * @param config as stored; `undefined` if every member has its default
   * @throws LogError `message_too_large`, `rate_limited`
   */
  check (topic: string, append: PendingAppend, config: string | undefined): void {
    if (config === undefined) return
    const { maxMessageBytes, rate } = this.#decode(config)
    if (maxMessageBytes !== undefined) checkSizes(append.messages, maxMessageBytes)
    if (rate === undefined || append.paid === true) return
    const cost = costOf(append.messages, rate)
    const retryAfter = this.#rates.take(topic, rate, cost)
    if (retryAfter > 0) throw limited(rate, retryAfter)
    append.paid = true
  }

  #decode (text: string): TopicConfig {
    let config = this.#configs.get(text)
    if (config === undefined) this.#configs.set(text, config = decodeConfig(text))
    return config
  }
}

function checkSizes (messages: readonly NewMessage[], max: Bytes): void {
  for (const [i, message] of messages.entries()) {
    const bytes = bytesOf(message)
    if (bytes <= max) continue
    throw new LogError(
      'message_too_large',
      `messages.${i}: expected at most ${max} bytes, the max_message_bytes of the topic, got ${bytes}`,
      { written: 'no' }
    )
  }
}

function costOf (messages: readonly NewMessage[], rate: RateConfig): AppendCost {
  return {
    messages: messages.length,
    bytes: rate.bytes === undefined ? 0 : messages.reduce((sum, message) => sum + bytesOf(message), 0)
  }
}

function bytesOf ({ payload, key, headers = '' }: NewMessage): Bytes {
  return Buffer.byteLength(payload) + (key === undefined ? 0 : Buffer.byteLength(JSON.stringify(key))) + Buffer.byteLength(headers)
}

function limited ({ messages, bytes }: RateConfig, retryAfter: number): LogError {
  const bounds = [messages === undefined ? [] : [`${messages} messages`], bytes === undefined ? [] : [`${bytes} bytes`]].flat()
  return new LogError('rate_limited', `rate: expected at most ${bounds.join(' and ')} a second`, { retry_after: retryAfter, written: 'no' })
}
