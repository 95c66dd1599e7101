import { LogError } from '../errors.ts'

/** Kafka's rule for topic names (org.apache.kafka.common.internals.Topic), without its reserved names. */
export const topicPattern = '^(?!\\.{1,2}$)[A-Za-z0-9._-]{1,249}$'
export const topicExpected = '1 to 249 characters of A-Z, a-z, 0-9, ".", "_" and "-", and not "." or ".."'

const rule = new RegExp(topicPattern)

export function isTopic (name: string): boolean {
  return rule.test(name)
}

/** @throws LogError `invalid_topic` */
export function checkTopic (name: string): string {
  if (!isTopic(name)) {
    const shown = JSON.stringify(name.length > 60 ? name.slice(0, 60) + '…' : name)
    throw new LogError('invalid_topic', `topic: expected ${topicExpected}, got ${shown}`)
  }
  return name
}
