import type { ErrorKinds } from '../errors.ts'

export const segmentErrors = {
  segment_corrupt: { retriable: false, title: 'A stored segment is damaged' }
} as const satisfies ErrorKinds

declare module '../errors.ts' {
  interface ErrorTables { segments: typeof segmentErrors }
}
