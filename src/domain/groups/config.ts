import type { Ms } from '../../ports/units.ts'

export const groupModes = ['shared', 'keyed', 'exclusive'] as const

/**
 * How messages are shared (groups §4). `shared`: any message to any worker. `keyed`: messages with the same key one after the
 * other. `exclusive`: one worker at a time.
 */
export type GroupMode = typeof groupModes[number]

/** The settings of a consumer group. */
export interface GroupConfig {
  readonly mode: GroupMode
  readonly leaseMs: Ms
  /** `null`: a message is delivered until it is acknowledged. */
  readonly maxAttempts: number | null
  readonly maxInFlight: number
  /** Where messages go whose attempts are used up, or that are rejected. `null`: there is none, and so no `maxAttempts`. */
  readonly deadLetterTopic: string | null
  /** The id of the producer that appends to the dead-letter topic. Random, and new with each other topic (groups §6). */
  readonly deadLetterProducer: string
}

/*
 * The stored form: {"mode":S,"lease_ms":N,"max_attempts":N|null,"max_in_flight":N,"dead_letter_topic":S|null,
 * "dead_letter_producer":S}.
 */

export function encodeGroupConfig (config: GroupConfig): string {
  return JSON.stringify({
    mode: config.mode,
    lease_ms: config.leaseMs,
    max_attempts: config.maxAttempts,
    max_in_flight: config.maxInFlight,
    dead_letter_topic: config.deadLetterTopic,
    dead_letter_producer: config.deadLetterProducer
  })
}

/** @throws Error if the text is not one that `encodeGroupConfig` makes: then another program has changed the item */
export function decodeGroupConfig (text: string): GroupConfig {
  const stored = JSON.parse(text) as Record<string, unknown>
  const { mode, lease_ms: leaseMs, max_attempts: maxAttempts, max_in_flight: maxInFlight } = stored
  const { dead_letter_topic: deadLetterTopic, dead_letter_producer: deadLetterProducer } = stored
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1
  if (!groupModes.includes(mode as GroupMode) || !isCount(leaseMs) || !isCount(maxInFlight) ||
    (maxAttempts !== null && !isCount(maxAttempts)) || (deadLetterTopic !== null && typeof deadLetterTopic !== 'string') ||
    typeof deadLetterProducer !== 'string') throw new Error('config of a group: a member is missing, or is not what it must be')
  return { mode: mode as GroupMode, leaseMs, maxAttempts, maxInFlight, deadLetterTopic, deadLetterProducer }
}
