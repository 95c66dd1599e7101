import type { ErrorKinds } from '../errors.ts'

export const topicErrors = {
  invalid_topic: { retriable: false, title: 'The topic name is not valid' }
} as const satisfies ErrorKinds

declare module '../errors.ts' {
  interface ErrorTables { topics: typeof topicErrors }
}
