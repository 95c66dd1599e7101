import type { ErrorKinds } from '../errors.ts'

export const topicErrors = {
  invalid_topic: { retriable: false, title: 'The topic name is not valid' },
  topic_not_found: { retriable: false, title: 'The topic does not exist' },
  message_too_large: { retriable: false, title: 'A message is larger than the topic allows' },
  rate_limited: { retriable: true, title: 'More comes in a second than is allowed' }
} as const satisfies ErrorKinds

declare module '../errors.ts' {
  interface ErrorTables { topics: typeof topicErrors }

  interface ErrorDetails {
    message_too_large: { written: 'no' }
    rate_limited: { retry_after: number }
  }
}
