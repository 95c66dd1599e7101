/** The settings of a topic. An absent member has its default: a setting of the server, or no bound. */
export interface TopicConfig {
  /** Messages older than this may be removed, ms. */
  readonly retentionMs?: number | undefined
  /** The oldest segments may be removed while the topic has more than this, bytes as stored. */
  readonly retentionBytes?: number | undefined
  /** The largest message that may be appended: UTF-8 bytes of its payload, key and headers as JSON. */
  readonly maxMessageBytes?: number | undefined
  /** The most that one process appends per second. */
  readonly rate?: RateConfig | undefined
}

export interface RateConfig {
  readonly messages?: number | undefined
  readonly bytes?: number | undefined
}

/** A change of a config. Absent members stay as they are; `null` restores the default. `rate` is replaced as a whole. */
export type ConfigChange = { readonly [name in keyof TopicConfig]?: TopicConfig[name] | null }

export function changeConfig (config: TopicConfig, change: ConfigChange): TopicConfig {
  const changed: Record<string, unknown> = { ...config }
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete changed[name]
    else if (value !== undefined) changed[name] = value
  }
  return changed
}

/*
 * The stored form: {"retention_ms":N,"retention_bytes":N,"max_message_bytes":N,"rate":{"messages":N,"bytes":N}}, members in
 * this order, absent where they have their default. Equal configs have equal texts, so that an update can be conditional on it.
 */

/** @returns `null` if every member has its default */
export function encodeConfig ({ retentionMs, retentionBytes, maxMessageBytes, rate }: TopicConfig): string | null {
  const text = JSON.stringify({
    retention_ms: retentionMs,
    retention_bytes: retentionBytes,
    max_message_bytes: maxMessageBytes,
    rate: rate?.messages === undefined && rate?.bytes === undefined ? undefined : { messages: rate.messages, bytes: rate.bytes }
  })
  return text === '{}' ? null : text
}

/** Members that this version does not know are left out. @param text by `encodeConfig` */
export function decodeConfig (text: string | undefined): TopicConfig {
  if (text === undefined) return {}
  const { retention_ms: retentionMs, retention_bytes: retentionBytes, max_message_bytes: maxMessageBytes, rate } = JSON.parse(text) as {
    retention_ms?: number, retention_bytes?: number, max_message_bytes?: number, rate?: RateConfig
  }
  return { retentionMs, retentionBytes, maxMessageBytes, rate }
}
